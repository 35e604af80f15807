# SPDX-License-Identifier: MIT
#
# Owns the check of the fast path's length: malloc and free of a Tiny block take at most 16
# instructions each. Counted exactly: callgrind's cost of all calls of malloc (of free) in a run of
# 2N pairs, less that in a run of N pairs, divided by N; what start and exit cost falls out.

source "$(dirname "$0")/lib.bash"

LIMIT=16
PAIRS=1000
SIZES=(1 32 1024)

[[ -e $BUILD/libhakmem.so ]] || skip "no $BUILD/libhakmem.so"
command -v valgrind >/dev/null || skip "no valgrind"
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

# valgrind reads the symbols only: it may not know the form of the compiler's debug information.
objcopy --strip-debug "$BUILD/libhakmem.so" "$SCRATCH/libhakmem.so"
# -z now, -fno-plt: the dynamic linker has no part in a call.
${CC:-cc} -O1 -g -fno-builtin -fno-plt -fno-optimize-sibling-calls -Wl,-z,now \
    "$HERE/fast_path.c" -o "$SCRATCH/fast_path"

# cost_of PAIRS SIZE: print what all calls of malloc cost, and all calls of free.
cost_of() {
    LD_PRELOAD=$SCRATCH/libhakmem.so valgrind --tool=callgrind --compress-strings=no \
        --compress-pos=no --callgrind-out-file="$SCRATCH/out" "$SCRATCH/fast_path" "$1" "$2" \
        >"$SCRATCH/log" 2>&1 ||
        { cat "$SCRATCH/log" >&2; echo "FAIL: in valgrind, fast_path $* ended with an error" >&2
          return 1; }
    # In a function's block, the line after "calls=COUNT LINE" is "LINE COST".
    awk '
        /^fn=/ { caller = substr($0, 4) }
        after_calls { cost[caller] += $2 }
        { after_calls = /^calls=/ }
        /^cob=.*libhakmem\.so/ && (caller == "call_malloc" || caller == "call_free") { ours[caller] = 1 }
        END {
            if (!ours["call_malloc"] || !ours["call_free"]) exit 1
            print cost["call_malloc"], cost["call_free"]
        }' "$SCRATCH/out" || { echo "FAIL: callgrind saw no call into libhakmem.so" >&2; return 1; }
}

status=0
for size in "${SIZES[@]}"; do
    once=$(cost_of $PAIRS "$size") || exit 1
    twice=$(cost_of $((2 * PAIRS)) "$size") || exit 1
    read -r malloc_once free_once <<<"$once"
    read -r malloc_twice free_twice <<<"$twice"
    awk -v m=$((malloc_twice - malloc_once)) -v f=$((free_twice - free_once)) -v pairs=$PAIRS \
        -v size="$size" -v limit=$LIMIT 'BEGIN {
            is_over = m > limit * pairs || f > limit * pairs
            printf "%s: malloc(%d) %.4g instructions, free %.4g, at most %d each\n",
                is_over ? "FAIL" : "ok", size, m / pairs, f / pairs, limit
            exit is_over
        }' || status=1
done
exit $status
