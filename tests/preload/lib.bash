# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
#
# Owns what the preload scripts share: the arguments, the scratch directory and its removal, running
# a program on the allocator, the proof that the library is mapped, and the judgement of what the
# library wrote about hand-overs to libc. Sourced by each tests/preload/*.sh, never run.
#
# A script starts with `source .../lib.bash "$@"` and ends with `finish`. Exit status: 0 all steps
# passed, 77 a program is missing (with the reason), 1 a step failed (with one line that names it).

set -Eeuo pipefail

NAME=$(basename "$0" .sh)
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../.." && pwd)
PROGRAMS=$HERE/programs
# Seconds. No verdict depends on how fast the machine is: this only ends what hangs.
HANG=600
SCRATCH=
SERVERS=()

step() {
    printf '== %s: %s\n' "$NAME" "$*"
}

fail() {
    printf 'FAIL %s: %s\n' "$NAME" "$*" >&2
    exit 1
}

skip() {
    printf 'SKIP %s: %s\n' "$NAME" "$*"
    exit 77
}

# The last words of a script: the diagnostics are judged, then the verdict is printed.
finish() {
    check_diag
    printf 'PASS %s\n' "$NAME"
}

# need PROGRAM...: skip unless each is there.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

# need_file FILE REASON
need_file() {
    [[ -e $1 ]] || skip "$2 ($1 is missing)"
}

# same EXPECTED ACTUAL WHAT: two files must be equal, byte for byte.
same() {
    cmp -s "$1" "$2" || fail "$3 differs from the run without the library ($(cmp "$1" "$2" 2>&1))"
}

# equal EXPECTED ACTUAL WHAT: two strings must be equal.
equal() {
    [[ $1 == "$2" ]] || fail "$3: expected '$1', got '$2'"
}

# eventually WHAT COMMAND...: repeat the command until it succeeds; HANG seconds are a failure.
eventually() {
    local what=$1 last=$((SECONDS + HANG))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < last)) || fail "$what: still not so after $HANG s"
        sleep 0.02
    done
}

# ---- programs on the allocator ----

# Splits what a program wrote on stderr: the library's [wrap] lines are added to $SCRATCH/diag, the
# program's own go to $SCRATCH/stderr.
split_stderr() {
    grep -aF '[wrap]' "$1" >>"$SCRATCH/diag" || true
    grep -avF '[wrap]' "$1" >"$SCRATCH/stderr" || true
    rm -f "$1"
}

run_preloaded() {
    local diag=$1 raw status=0
    shift
    : >"$SCRATCH/ran"
    raw=$(mktemp "$SCRATCH/raw.XXXXXX")
    timeout --kill-after=5 "$HANG" \
        env LD_PRELOAD="$LIBRARY" HAKMEM_WRAP_DIAG="$diag" "$@" 2>"$raw" || status=$?
    split_stderr "$raw"
    rm -f "$SCRATCH/failed"
    if ((status != 0)); then
        tail -n 20 "$SCRATCH/stderr" | tr -cd '[:print:]\n' >&2
        ((status != 124)) || echo "it did not end in $HANG s" >&2
        echo "status $status from: $*" >"$SCRATCH/failed"
    fi
    return "$status"
}

# under COMMAND...: run it on the allocator with diagnostics; its stdout and status are kept.
under() {
    run_preloaded 1 "$@"
}

# under_silent COMMAND...: the same for a program whose own tests read their children's stderr.
under_silent() {
    run_preloaded 0 "$@"
}

# start_under NAME COMMAND...: start a server; its pid is in SERVER_PID, its stdout in
# $SCRATCH/NAME.out and its stderr in $SCRATCH/NAME.err. It is killed at the latest when we end.
start_under() {
    local name=$1
    shift
    : >"$SCRATCH/ran"
    env LD_PRELOAD="$LIBRARY" HAKMEM_WRAP_DIAG=1 "$@" \
        >"$SCRATCH/$name.out" 2>"$SCRATCH/$name.err" </dev/null &
    SERVER_PID=$!
    SERVERS+=("$SERVER_PID")
}

# stop_server NAME [SIGNAL]: ask the last server to end, and insist on exit status 0.
stop_server() {
    local status=0
    [[ -z ${2:-} ]] || kill -s "$2" "$SERVER_PID"
    eventually "$1 ends" is_gone "$SERVER_PID"
    wait "$SERVER_PID" || status=$?
    split_stderr "$SCRATCH/$1.err"
    ((status == 0)) || fail "$1 ended with status $status: $(tail -n 5 "$SCRATCH/stderr")"
}

is_gone() {
    ! grep -qs '^State:[[:space:]]*[^Z]' "/proc/$1/status"
}

# ---- is the library mapped? ----

is_mapped() {
    grep -qsF " $LIBRARY_REAL" "/proc/$1/maps"
}

# All processes below one, itself first.
process_tree() {
    local child
    echo "$1"
    # shellcheck disable=SC2013 # a file of words, not of lines
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
        process_tree "$child"
    done
}

# Does the tree below PID have a process that runs EXE (its base name) with the library mapped?
tree_has_mapped() {
    local pid exe
    for pid in $(process_tree "$1"); do
        exe=$(readlink "/proc/$pid/exe") || continue
        [[ ${exe##*/} == "$2" ]] && is_mapped "$pid" && return 0
    done
    return 1
}

mapped_or_gone() {
    tree_has_mapped "$1" "$2" || is_gone "$1"
}

# assert_mapped PID EXE: PID or a child of it must run EXE with the library mapped.
assert_mapped() {
    eventually "$2 maps the library" mapped_or_gone "$1" "$2"
    ! is_gone "$1" || fail "$2 ended early: $(cat "$SCRATCH"/*.err 2>/dev/null | tail -n 2)"
    step "$2 maps ${LIBRARY_REAL##*/}"
}

# assert_maps EXE COMMAND...: run a command that reads its stdin, keep it waiting for input, and
# look whether it (or a child that runs EXE) has the library mapped.
assert_maps() {
    local exe=$1 fifo=$SCRATCH/fifo raw=$SCRATCH/waiting.err pid
    shift
    rm -f "$fifo"
    mkfifo "$fifo"
    env LD_PRELOAD="$LIBRARY" HAKMEM_WRAP_DIAG=1 "$@" <"$fifo" >/dev/null 2>"$raw" &
    pid=$!
    SERVERS+=("$pid")
    exec 7>"$fifo"
    assert_mapped "$pid" "$exe"
    exec 7>&-
    eventually "$1 ends when its input does" is_gone "$pid"
    wait "$pid" || true
    split_stderr "$raw"
}

# ---- hand-overs to libc ----

# Each process on the allocator writes `[wrap] libc malloc: REASON` for a hand-over and, when it
# ends, `[wrap] counts: REASON=NUMBER ...`. No pointer in these programs comes from libc, and
# nothing forces libc: the only reason allowed is a call while the allocator was being set up.
check_diag() {
    local processes sums bad
    [[ -e $SCRATCH/ran ]] || return 0
    processes=$(grep -acF '[wrap] counts:' "$SCRATCH/diag") || true
    ((processes > 0)) || fail "no process wrote '[wrap] counts:' when it ended"
    sums=$(grep -aoE '[a-z_]+=[0-9]+' "$SCRATCH/diag" |
        awk -F= '{ sum[$1] += $2 } END { for (name in sum) print name "=" sum[name] }' | sort)
    step "hand-overs to libc, $processes processes:" \
        "$(paste -sd ' ' <<<"$sums")"
    bad=$(grep -aoE '\[wrap\] libc [a-z_]+: .*' "$SCRATCH/diag" | grep -av ': init_wait$') || true
    bad+=$(grep -vE '^init_wait=|=0$' <<<"$sums") || true
    [[ -z $bad ]] || fail "libc served what the allocator must: $(head -n 1 <<<"$bad")"
}

# ---- start and end ----

kill_servers() {
    local pid
    for pid in ${SERVERS[@]+"${SERVERS[@]}"}; do
        process_tree "$pid" | xargs kill -KILL
        wait "$pid"
    done
}

# A script that changes something outside the scratch directory puts it back here.
restore() {
    :
}

on_exit() {
    local status=$?
    trap - ERR
    set +e
    restore
    kill_servers 2>/dev/null
    [[ -z $SCRATCH ]] || rm -rf "$SCRATCH"
    exit "$status"
}

# A command failed that nobody asked about. A subshell, or `under`, leaves word of the command in a
# file, so that one line tells it.
on_error() {
    local where=$SCRATCH/failed
    if ((BASH_SUBSHELL > 0)); then
        [[ -e $where ]] || echo "line $1: $2" >"$where"
    else
        fail "$({ cat "$where" 2>/dev/null || echo "line $1: $2"; } | head -n 1)"
    fi
}

start() {
    local -a inherited
    [[ $# -eq 1 ]] || { echo "usage: bash $0 BUILD_DIR" >&2; exit 1; }
    LIBRARY=$(realpath -s "$1")/libhakmem.so
    BUILD=$(realpath "$1")
    [[ -f $LIBRARY ]] || fail "$LIBRARY does not exist"
    LIBRARY_REAL=$(realpath "$LIBRARY")
    [[ ! $(nm -D "$LIBRARY" 2>&1) =~ __(a|t|ub)san_ ]] ||
        skip "$LIBRARY is a sanitizer build, which cannot be preloaded"
    trap on_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'on_error "$LINENO" "$BASH_COMMAND"' ERR
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-preload.XXXXXX")
    : >"$SCRATCH/diag"
    mapfile -t inherited < <(compgen -v HAKMEM_ || true)
    unset LD_PRELOAD "${inherited[@]}"
    # A library gone wild must not fill the disk with what it writes.
    ulimit -f 1000000
    export LC_ALL=C.UTF-8 TZ=UTC HOME=$SCRATCH TMPDIR=$SCRATCH
    cd "$SCRATCH"
}

start "$@"
