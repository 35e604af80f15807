# SPDX-License-Identifier: MIT
#
# Owns the check of bench/run.py: that it runs a case under each allocator in turn and writes what
# the report reads, names who fails and what is missing, and answers wrong arguments in one line.
# It works in a build directory of its own, so that nobody's raw.csv is lost; no figure is checked.

set -u
SOURCE=$(realpath "$(dirname "$0")/../..")
LIBRARY=$(realpath "$1")/libhakmem.so
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cd "$SCRATCH" || exit 1
mkdir build
ln -s "$LIBRARY" build/libhakmem.so
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset REPS

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

step() {
    echo "== $*"
}

# runs STATUS ARGUMENTS...: run.py ends with that status; what it prints is in out and err.
runs() {
    local status=$1 got
    shift
    "$SOURCE/bench/run.py" "$@" >out 2>err
    got=$?
    [[ $got == "$status" ]] || fail "run.py $*: exit status $got, not $status ($(tail -n 1 err))"
}

# expect_line STATUS LINE ARGUMENTS...: the line is all it says, on standard error.
expect_line() {
    local line=$2
    runs "$1" "${@:3}"
    [[ ! -s out && $(cat err) == "$line" ]] ||
        fail "run.py ${*:3}: expected the line '$line', got '$(cat out err)'"
}

# shown PATTERN FILE: a line of the file matches the extended pattern whole.
shown() {
    grep -Eqx -- "$1" "$2" || fail "no line '$1' in $2: $(cat "$2")"
}

step "a case under two allocators"
runs 0 build --quick --reps 2 --peers glibc --only passive
[[ ! -s err ]] || fail "it complained: $(cat err)"
cmp -s out build/bench/bench.txt || fail "bench.txt is not what was printed"
shown 'cross_thread_sharing passive 2 16 8 5' out
shown 'glibc( +[0-9.]+){11}' <(sed 's/\.\./ /' out)
shown 'ours +[0-9.]+ .*' out
# a workload's NOTE, for each allocator
shown '  glibc: end: [0-9]+ of 32 new blocks share a cache line with another thread.s' out
shown '  ours: end: [0-9]+ of 32 new blocks share a cache line with another thread.s' out
shown 'behind the best by more than 3 %: [01] of 1 cases' out
shown '  peak RSS, geometric mean, ours / the smallest peer .* [0-9.]+ \(glibc\) +(met|missed)' out
# the turn moves on: who came last in one repetition comes first in the next
[[ $(cut -d, -f3,4 build/bench/raw.csv | tail -n 4 | tr '\n' ' ') == \
    'glibc,0 ours,0 ours,1 glibc,1 ' ]] || fail "the turns: $(cat build/bench/raw.csv)"
"$SOURCE/bench/report.py" build/bench/raw.csv page.html --text build/bench/bench.txt ||
    fail "the report does not take it"

step "who is not there, who fails"
runs 0 build --quick --reps 1 --peers glibc,none=/none.so --only 'startup*'
[[ $(cat err) == 'none: library not found, left out' ]] || fail "a missing peer: $(cat err)"
echo 'no library' >broken.so
runs 1 build --quick --reps 1 --peers "glibc,broken=$PWD/broken.so" --only 'startup*'
grep -q '^startup under broken: .*cannot be preloaded' err || fail "a broken peer: $(cat err)"
shown 'broken +failed' out
shown 'ours +[0-9.]+ .*' out

step "wrong arguments: one line"
expect_line 2 'run.py: no build directory: none' none
expect_line 2 "run.py: no case matches 'none'" build --only none
expect_line 2 "run.py: unknown peer 'none'; one of glibc, mimalloc, jemalloc, tcmalloc, tbbmalloc, \
scudo, or NAME=PATH" build --peers none --only startup
runs 2 build --reps 0
shown "run.py: error: argument --reps: must be a number from 1, not '0'" err
