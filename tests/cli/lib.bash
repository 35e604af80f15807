# SPDX-License-Identifier: MIT
#
# Owns what the tests of the command `hakmem` share: a scratch directory, running the command with
# its two outputs kept apart, and the checks. Each test is called as `bash FILE BUILD_DIR`.

set -u
CLI=$(realpath "${1:?the build directory is missing}")/hakmem
SOURCE=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cd "$SCRATCH" || exit 1
export TMPDIR=$SCRATCH/tmp LC_ALL=C
# Seconds. No verdict depends on how fast the machine is: this only ends what hangs.
HANG=600
mkdir "$TMPDIR"
unset HAKMEM_LIBRARY HAKMEM_REPORT LD_PRELOAD

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

step() {
    echo "== $*"
}

# wait_for WHAT COMMAND...: until the command succeeds; HANG seconds are a failure.
wait_for() {
    local what=$1 last=$((SECONDS + HANG))
    shift
    until "$@"; do
        ((SECONDS < last)) || fail "waited in vain for $what"
        sleep 0.05
    done
}

# stop PID: until each of its threads has stopped. A signal takes a while on a busy machine.
stop() {
    kill -STOP "$1"
    wait_for "the stop of $1" is_stopped "$1"
}

is_stopped() {
    ! grep -qs '^State:[^T]*$' /proc/"$1"/task/*/status
}

# A library that can be preloaded into anything and leaves no report: libc itself. For tests of the
# command alone.
without_allocator() {
    HAKMEM_LIBRARY=$(ldd "$CLI" | awk '$1 == "libc.so.6" { print $3 }')
    export HAKMEM_LIBRARY
    [[ -f $HAKMEM_LIBRARY ]] || fail "no libc.so.6 that $CLI uses"
}

# Run the command: its outputs go to `out` and `err`, its exit status to STATUS.
hakmem() {
    "$CLI" "$@" >out 2>err
    STATUS=$?
}

expect_status() {
    [[ $STATUS == "$1" ]] || fail "$2: exit status $STATUS, not $1 ($(head -n 1 err))"
}

# expect_line STATUS LINE WORDS...: the words give this one line on standard error, nothing else.
expect_line() {
    local status=$1 line=$2
    shift 2
    hakmem "$@"
    expect_status "$status" "hakmem $*"
    [[ ! -s out ]] || fail "hakmem $*: wrote to standard output: $(head -n 1 out)"
    [[ $(cat err; echo .) == "$line"$'\n'. ]] ||
        fail "hakmem $*: expected the line '$line', got '$(cat err)'"
}

# expect_in FILE PATTERN WHAT: a line of the file matches the extended regular expression.
expect_in() {
    grep -Eq -- "$2" "$1" || fail "$3: no line like '$2' in: $(cat "$1")"
}

# plain PAGE: the page without the marks that keep a figure and its unit on one line.
plain() {
    sed 's|<span class="nb">\([^<]*\)</span>|\1|g' "$1"
}

expect_no_leftovers() {
    [[ -z $(ls -A "$TMPDIR") ]] || fail "$1: left behind $(ls -A "$TMPDIR")"
}

# No line of the file is wider than a terminal of 80 columns.
expect_narrow() {
    [[ $(wc -L <"$1") -le 80 ]] || fail "$2: a line of $(wc -L <"$1") columns"
}
