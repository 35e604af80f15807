#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that the allocator works when address space is limited (ulimit -v): it starts, it
# refuses with ENOMEM, it goes on when memory is free again, it says that there is no memory for a
# profile; python3 and sqlite3 under such limits.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
"$CC" -fno-builtin -std=gnu11 -O1 -Wall -Wextra -pthread "$PROGRAMS/exhaust.c" -o exhaust

# limited KIB COMMAND...: under with a limit on the address space of the command alone.
limited() {
    local limit=$1
    shift
    under bash -c 'ulimit -v "$0" && exec "$@"' "$limit" "$@"
}

# The least that must be had is half the limit: huge blocks are rounded up to superslabs.
while read -r limit least; do
    step "exhaust.c under ulimit -v $limit: at least $least MiB"
    limited "$limit" ./exhaust "$least" >out.txt || fail "exhaust under ulimit -v $limit"
    step "$(<out.txt)"
done <<'LIMITS'
40000 8
100000 45
400000 190
LIMITS

PYTHON=/usr/bin/python3
if [[ -x $PYTHON ]]; then
    step "python3 under ulimit -v 400000: MemoryError, then on"
    PYTHONMALLOC=malloc limited 400000 "$PYTHON" - <<'SCRIPT' || fail "python3 under a limit"
import threading
for size in (40 << 20, 1 << 20, 30000):
    held = []
    try:
        while len(held) * size < 1 << 32:
            held.append(bytes(size))
    except MemoryError:
        pass
    assert 64 << 20 < len(held) * size < 400 << 20, (size, len(held))
    del held
rows = [{"n": i, "text": "x" * (i % 100)} for i in range(100000)]
assert sum(row["n"] for row in rows) == 4999950000
threads = [threading.Thread(target=lambda: [bytes(n) for n in range(2000)]) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
SCRIPT
fi

if command -v sqlite3 >/dev/null; then
    step "sqlite3 under ulimit -v 400000: exercise.sql"
    sqlite3 -bail plain.db <"$PROGRAMS/exercise.sql" >plain.txt
    limited 400000 sqlite3 -bail limited.db <"$PROGRAMS/exercise.sql" >limited.txt ||
        fail "sqlite3 under ulimit -v 400000"
    same plain.txt limited.txt "sqlite3's output"
fi

step "a profile for which there is no address space: one line, and the program runs"
(
    ulimit -v 400000
    HAKMEM_PROFILE=1 HAKMEM_PROFILE_MEMORY=1G LD_PRELOAD=$LIBRARY exec /bin/echo done
) >out.txt 2>err.txt ||
    fail "HAKMEM_PROFILE=1 under ulimit -v 400000"
equal done "$(<out.txt)" "the program's output"
grep -qx "hakmem: \[[0-9]*\] HAKMEM_PROFILE=1: there is no profile, since HAKMEM_PROFILE_MEMORY cannot \
be had" err.txt || fail "lines of the library: $(<err.txt)"

finish
