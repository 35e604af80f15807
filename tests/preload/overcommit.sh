#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that the allocator works under strict accounting of memory
# (vm.overcommit_memory=2). The setting is the whole machine's: it is changed only by root, only
# where much memory is still uncommitted, for a few seconds, and put back however we end. ctest must
# run this alone (RUN_SERIAL): other programs of that moment feel it too.

source "$(dirname "$0")/lib.bash"

SETTING=/proc/sys/vm/overcommit_memory
need "${CC:=cc}" flock
[[ -w $SETTING ]] || skip "$SETTING is not writable"

meminfo() {
    awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo
}

"$CC" -fno-builtin -std=gnu11 -O1 -Wall -Wextra -pthread "$PROGRAMS/exhaust.c" -o exhaust

# Two runs at a time, of two trees: the later would take the earlier's setting for the machine's.
exec 6>/tmp/hakmem-overcommit.lock
flock -w 300 6 || skip "another run of this test has held $SETTING for 300 s"
BEFORE=$(<"$SETTING")
SPARE=$(($(meminfo CommitLimit) - $(meminfo Committed_AS)))
((SPARE > 4000000)) || skip "only $SPARE KiB can still be committed; the machine would feel it"

restore() {
    echo "$BEFORE" >"$SETTING"
}

# strictly COMMAND...: under, with strict accounting while it runs.
strictly() {
    local status=0
    { echo 2 >"$SETTING"; } 2>/dev/null || skip "$SETTING cannot be set"
    under "$@" || status=$?
    restore
    return "$status"
}

# The limit on address space ends exhaust long before it commits what others need.
step "exhaust.c with strict accounting, ulimit -v 400000"
strictly bash -c 'ulimit -v 400000 && exec ./exhaust 190' >out.txt ||
    fail "exhaust with vm.overcommit_memory=2"
step "$(<out.txt)"

PYTHON=/usr/bin/python3
if [[ -x $PYTHON ]]; then
    step "exercise.py with strict accounting, no limit on address space"
    "$PYTHON" "$PROGRAMS/exercise.py" >plain.txt
    PYTHONMALLOC=malloc strictly "$PYTHON" "$PROGRAMS/exercise.py" >strict.txt ||
        fail "exercise.py with vm.overcommit_memory=2"
    same plain.txt strict.txt "exercise.py's output"
fi

step "a huge block is refused, not promised"
if [[ -x $PYTHON ]]; then
    strictly "$PYTHON" - <<'SCRIPT' || fail "a block of four times the commit limit was promised"
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
with open("/proc/meminfo") as file:
    limit = next(int(line.split()[1]) for line in file if line.startswith("CommitLimit"))
assert libc.malloc(ctypes.c_size_t(limit * 1024 * 4)) is None
block = libc.malloc(ctypes.c_size_t(1000))
assert block is not None
SCRIPT
fi
equal "$BEFORE" "$(<"$SETTING")" "$SETTING at the end"

finish
