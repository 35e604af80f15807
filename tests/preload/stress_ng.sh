#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that stress-ng's stressors that allocate pass with --verify on the allocator. Each
# ends after a number of operations; the time is only the bound after which it counts as hung.
# RUN_SERIAL: it loads the machine, which would slow all others down.

source "$(dirname "$0")/lib.bash"

need stress-ng
step "$(stress-ng --version | cut -d' ' -f1-3 | tr -d ,)"

# stress STRESSOR OPERATIONS OPTION...: two workers of it, verified; they must do the operations.
stress() {
    local stressor=$1 operations=$2 done_operations
    shift 2
    under stress-ng "--$stressor" 2 "--$stressor-ops" "$operations" "$@" --verify --timeout "${HANG}s" \
        --no-rand-seed --metrics --temp-path "$SCRATCH" >"$stressor.txt" ||
        fail "stress-ng --$stressor"
    cat stderr >>"$stressor.txt"
    grep -q 'successful run completed' "$stressor.txt" ||
        fail "stress-ng --$stressor did not complete"
    ! grep -qE ' fail: |unsuccessful|segmentation|SIGSEGV' "$stressor.txt" ||
        fail "stress-ng --$stressor: $(grep -m 1 -E 'fail|SIGSEGV' "$stressor.txt")"
    done_operations=$(awk -v name="$stressor" '$2 == "metrc:" && $4 == name { print $5; exit }' \
        "$stressor.txt")
    ((done_operations >= operations)) ||
        fail "stress-ng --$stressor did $done_operations of $operations operations in $HANG s"
    step "stress-ng --$stressor 2 $*: $done_operations operations verified"
}

# A SIGINT that comes while it starts is lost on stress-ng, whatever the allocator: so wait until
# its worker has the child that allocates.
has_workers() {
    (($(process_tree "$1" | wc -l) >= 3))
}

start_under stress-ng stress-ng --malloc 1 --malloc-ops 100000000 --malloc-pthreads 1 \
    --timeout "${HANG}s" --temp-path "$SCRATCH"
assert_mapped "$SERVER_PID" stress-ng
eventually "stress-ng works" has_workers "$SERVER_PID"
stop_server stress-ng INT

stress malloc 80000 --malloc-pthreads 3
stress malloc 2000 --malloc-bytes 4m --malloc-max 64 --malloc-touch --malloc-zerofree
stress bigheap 300 --bigheap-growth 256k
stress mremap 100 --mremap-bytes 2m
stress fork 300
stress vfork 800
stress pthread 3000 --pthread-max 64
stress heapsort 2
stress qsort 4
stress mergesort 4
stress tree 2 --tree-size 20000
stress tsearch 6
stress hsearch 40
stress list 60
stress skiplist 40
stress zlib 20

finish
