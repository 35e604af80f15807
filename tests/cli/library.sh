# SPDX-License-Identifier: MIT
#
# Owns the check of how `hakmem run` finds libhakmem.so and puts it before what is preloaded already.

source "$(dirname "$0")/lib.bash"
without_allocator
LIBC=$HAKMEM_LIBRARY
unset HAKMEM_LIBRARY

mkdir -p usr/bin
cp "$CLI" usr/bin/hakmem
CLI=$SCRATCH/usr/bin/hakmem
SHOW=(sh -c 'echo "$LD_PRELOAD"')

expect_preload() {
    expect_status 0 "$2"
    [[ $(cat out) == "$1" ]] || fail "$2: LD_PRELOAD is $(cat out), not $1"
}

step "no library anywhere: one line, status 125"
expect_line 125 "hakmem run: no libhakmem.so in $SCRATCH/usr/bin/ or $SCRATCH/usr/bin/../lib \
(HAKMEM_LIBRARY can name it)" run true
expect_no_leftovers "no library"

step "the places, the last to the first"
for place in lib/x86_64-linux-gnu lib/hakmem lib bin; do
    mkdir -p usr/$place
    cp "$LIBC" usr/$place/libhakmem.so
    hakmem run "${SHOW[@]}"
    expect_preload "$SCRATCH/usr/$place/libhakmem.so" "library in $place"
done
ln -s "$CLI" linked
CLI=$SCRATCH/linked hakmem run "${SHOW[@]}"
expect_preload "$SCRATCH/usr/bin/libhakmem.so" "called through a link"
(cd usr && CLI=bin/hakmem && "$CLI" run "${SHOW[@]}" >../out 2>../err)
expect_preload "$SCRATCH/usr/bin/libhakmem.so" "called by a relative path"

step "HAKMEM_LIBRARY and LD_PRELOAD"
cp "$LIBC" mine.so
HAKMEM_LIBRARY=mine.so hakmem run "${SHOW[@]}"
expect_preload "$SCRATCH/mine.so" "HAKMEM_LIBRARY=mine.so"
hakmem run --set LIBRARY=mine.so "${SHOW[@]}"
expect_preload "$SCRATCH/mine.so" "--set LIBRARY=mine.so"
HAKMEM_LIBRARY='' hakmem run "${SHOW[@]}"
expect_preload "$SCRATCH/usr/bin/libhakmem.so" "HAKMEM_LIBRARY empty"
LD_PRELOAD=$LIBC hakmem run "${SHOW[@]}"
expect_preload "$SCRATCH/usr/bin/libhakmem.so:$LIBC" "LD_PRELOAD set"
LD_PRELOAD='' hakmem run "${SHOW[@]}"
expect_preload "$SCRATCH/usr/bin/libhakmem.so" "LD_PRELOAD empty"
export HAKMEM_LIBRARY=missing.so
expect_line 125 "hakmem run: HAKMEM_LIBRARY=missing.so: No such file or directory" run true
mkdir "a dir"
cp "$LIBC" "a dir/libhakmem.so"
export HAKMEM_LIBRARY="a dir/libhakmem.so"
expect_line 125 "hakmem run: LD_PRELOAD cannot name a path with a space or a colon: \
$SCRATCH/a dir/libhakmem.so" run true

step "a library that the loader refuses: its own words, and nothing runs"
echo nonsense >text.so
export HAKMEM_LIBRARY=text.so
expect_line 125 "hakmem run: $SCRATCH/text.so cannot be preloaded: file too short" run touch started
if command -v cc >/dev/null; then
    printf 'extern int nowhere; int *pointer = &nowhere;' |
        cc -shared -fPIC -x c - -o unresolved.so || fail "unresolved.so cannot be built"
    export HAKMEM_LIBRARY=unresolved.so
    hakmem run touch started
    expect_status 125 "a library with an undefined symbol"
    expect_in err "^hakmem run: $SCRATCH/unresolved.so cannot be preloaded: .*undefined symbol: nowhere" \
        "a library with an undefined symbol"
fi
[[ ! -e started ]] || fail "the program ran without the library"
expect_no_leftovers "HAKMEM_LIBRARY"
