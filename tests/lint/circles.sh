# SPDX-License-Identifier: MIT
#
# Owns the check for circles: files of src/ (or of cli/) that use each other, directly or by way of
# others, so that none of them can be understood, linked or tested without the rest. A circle of
# files is a fault, and so is one of folders.
#
# Who uses whom comes from the objects in the build directory: one that has an undefined symbol uses
# the one that defines it. A name that our library defines in libc's place counts as libc's.

source "$(dirname "$0")/lib.bash"

# symbols_of TARGET FOLDER: print what nm says of the target's objects, each line after its source.
symbols_of() {
    local source object
    for source in "$2"/**/*.c; do
        object=$BUILD/CMakeFiles/$1.dir/$source.o
        [[ -e $object ]] || fail "$source has no object in $BUILD: build first"
        nm -P "$object" | awk -v source="$source" '
            FNR == NR { is_libc[$1] = 1; next }
            !($1 in is_libc) { print source ": " $0 }' "$SCRATCH/libc" -
    done
}

[[ -d $BUILD/CMakeFiles/hakmem_shared_objects.dir ]] || skip "no objects in $BUILD"
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
grep -E '^[A-Za-z_]' src/api/public_symbols.txt | grep -vE '^(hak_|hakmem_|g_)' >"$SCRATCH/libc"
symbols_of hakmem_shared_objects src >"$SCRATCH/src"
symbols_of hakmem_command cli >"$SCRATCH/cli"

# A planted circle of three files in two folders, beside a file that has no part in it.
PLANTED=$(printf '%s\n' 'src/a/x.c: f T 0 9' 'src/a/x.c: g U' 'src/a/y.c: g T 0 9' 'src/a/y.c: h U' \
    'src/b/z.c: h D 0 8' 'src/b/z.c: f w' 'src/b/other.c: f U' | perl "$HERE/circles.pl")
[[ $PLANTED == $'src/a+src/b\t3\tsrc/a/x.c src/a/y.c src/b/z.c' ]] ||
    fail "circles.pl does not find a planted circle: $PLANTED"

for tree in src cli; do
    perl "$HERE/circles.pl" <"$SCRATCH/$tree" >>"$SCRATCH/files"
    perl "$HERE/circles.pl" --folders <"$SCRATCH/$tree" >>"$SCRATCH/folders"
done
{
    awk -F'\t' '{ print $3 ": these folders use each other" }' "$SCRATCH/folders"
    awk -F'\t' '{ printf "%s: %d files use each other: %s\n", $1, $2, $3 }' "$SCRATCH/files"
} | report "circles"
