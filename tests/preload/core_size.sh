#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check of a real core file's size: the kernel's, of a program that has freed nine tenths
# of what it had. All that is resident is in it and nothing else: what has decayed is a hole, and
# the reservation's untouched part is not even that. bench/core_size.py compares allocators.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
read -r pattern </proc/sys/kernel/core_pattern
[[ $pattern =~ ^[A-Za-z0-9._%-]+$ ]] || skip "core files go to '$pattern', not to the directory"
ulimit -c unlimited 2>/dev/null || skip "core files are limited to $(ulimit -H -c) blocks"
"$CC" -std=gnu11 -O2 -pthread "$REPO/bench/core_size.c" -o core_size

PEAK=200
MOST_APPARENT=$((PEAK + PEAK / 8 + 16))

# run_core KEEP RUN WAIT_MS: sets LIVE, RSS, APPARENT and DISK, in MiB.
run_core() {
    local core
    rm -f core*.dump core core.[0-9]*
    # it ends by SIGABRT: that is no failure, and it writes no counts. While it sleeps only a helper
    # gives pages back
    env LD_PRELOAD="$LIBRARY" HAKMEM_BACKGROUND=1 ./core_size $((PEAK << 20)) "$1" "$2" "$3" >out.txt 2>err.txt || true
    core=$(find . -maxdepth 1 -name "${pattern%%[%]*}*" ! -name core_size | head -n 1)
    [[ -n $core ]] || fail "no core file: $(tail -n 1 err.txt)"
    sync "$core"
    LIVE=$(($(sed -n 's/.*live_kb=\([0-9]*\).*/\1/p' out.txt) >> 10))
    RSS=$(($(sed -n 's/.*rss_kb=\([0-9]*\).*/\1/p' out.txt) >> 10))
    APPARENT=$(($(stat -c %s "$core") >> 20))
    DISK=$(($(stat -c %b "$core") >> 11))
    step "a run of $2 in $1, $3 ms: live $LIVE, RSS $RSS, core $APPARENT, on disk $DISK MiB"
    rm -f "$core"
    ((DISK >= LIVE)) || fail "the core file lacks live data: $DISK of $LIVE MiB"
    ((DISK <= RSS + 4)) || fail "the core file has $DISK MiB, of which $RSS were resident"
    ((APPARENT <= MOST_APPARENT)) || fail "the core file is $APPARENT MiB long"
}

# run_decayed KEEP RUN PREDICATE: with a wait that grows until the predicate holds; a busy machine
# needs longer for the decay.
run_decayed() {
    local wait_ms
    for wait_ms in 3000 30000 300000; do
        run_core "$1" "$2" "$wait_ms"
        ! "$3" || return 0
    done
    fail "after the decay the core file has $DISK MiB on disk, and is $APPARENT MiB long"
}
holds_live_only() { ((DISK <= LIVE + LIVE / 5 + 8)); }
# what is live lies together: much of the rest is not even holes. One block of each size stays with
# its sleeping thread, and keeps 8 MiB around it in the file's length
is_short() { ((APPARENT <= PEAK * 4 / 5)); }

run_core 10 10000 0
run_decayed 10 10000 holds_live_only
run_core 10 1 3000
run_decayed 1000000 10000 is_short

finish
