# SPDX-License-Identifier: MIT
#
# Owns the check of what the library writes by itself: HAKMEM_STATS at exit and at intervals,
# HAKMEM_METRICS rewritten as a whole, with the names that hakmem stats --metrics has.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

# the program itself: a wrapper of that name would be a process more
PYTHON=$(python3 -c 'import sys; print(sys.executable)') || { echo "SKIP: no python3"; exit 77; }

step "HAKMEM_STATS=exit"
HAKMEM_STATS=exit LD_PRELOAD=$LIBRARY "$PYTHON" -c 'x = [bytearray(3 << 20) for i in range(4)]' 2>err
expect_in err '^hakmem: \[[0-9]+\] version [0-9.]+, 1 thread, [0-9.]+ MiB of addresses in use, ' "HAKMEM_STATS=exit"
[[ $(grep -c '^hakmem: ' err) == 1 ]] || fail "HAKMEM_STATS=exit wrote more than once"
LD_PRELOAD=$LIBRARY "$PYTHON" -c 1 2>err
[[ ! -s err ]] || fail "without a setting: $(cat err)"

step "HAKMEM_STATS=interval"
HAKMEM_STATS=interval HAKMEM_INTERVAL_MS=100 start out "$PYTHON" -c '
while True:
    bytearray(3 << 20)'
twice() {
    (($(grep -c '^hakmem: ' out.err) >= 2))
}
wait_for "two writings" twice
kill -KILL $TARGET

step "HAKMEM_METRICS"
HAKMEM_METRICS=$SCRATCH/m.%p HAKMEM_INTERVAL_MS=100 start out "$PYTHON" -c '
x = [bytearray(3 << 20) for i in range(4)]
while True:
    bytearray(3 << 20)'
wait_for "metrics" test -s m.$TARGET
for ((i = 0; i < 200; i++)); do
    cat m.$TARGET >copy || fail "the file is not there all the time"
    [[ $(tail -n 1 copy) == "# EOF" ]] || fail "half a file of metrics was seen"
done
form='^(# (TYPE|HELP|EOF)|hakmem_[a-z_]+(\{[^}]*\})? [0-9]+$)'
! grep -Evq "$form" copy || fail "metrics: $(grep -Ev "$form" copy)"
expect_in copy '^hakmem_lane_bytes\{lane="huge",state="live"\} [0-9]+$' metrics
"$CLI" stats $TARGET --metrics >outside || fail "hakmem stats --metrics"
for name in class_blocks refilled_blocks_total flushed_blocks_total threads mapped_bytes warm_bytes huge_waste_bytes purged_bytes_total \
    libc_calls_total rss_bytes; do
    expect_in copy "^hakmem_$name[ {]" "metrics from inside"
    expect_in outside "^hakmem_$name[ {]" "metrics from outside"
done
if /usr/bin/python3 -c 'import prometheus_client' 2>/dev/null; then
    for file in copy outside; do
        /usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
assert len(list(text_string_to_metric_families(open(sys.argv[1]).read()))) >= 8' $file ||
            fail "$file: no OpenMetrics to prometheus_client"
    done
fi
kill -KILL $TARGET
rm -f m.*
HAKMEM_METRICS=$SCRATCH/at_exit LD_PRELOAD=$LIBRARY "$PYTHON" -c 1 || fail "python3"
[[ $(tail -n 1 at_exit) == "# EOF" && $(stat -c %a at_exit) == 644 ]] || fail "metrics at exit"

step "HAKMEM_METRICS that cannot be written: one line"
HAKMEM_METRICS=/nowhere/m HAKMEM_INTERVAL_MS=100 LD_PRELOAD=$LIBRARY "$PYTHON" -c '
import time
end = time.monotonic() + 0.5
while time.monotonic() < end:
    bytearray(3 << 20)' 2>err || fail "python3"
[[ $(wc -l <err) == 1 ]] || fail "not one line: $(cat err)"
expect_in err '^hakmem: \[[0-9]+\] HAKMEM_METRICS=/nowhere/m: cannot be written: expected ' metrics

step "what is no regular file is not replaced, nor a whole file by half of one"
mkfifo pipe
HAKMEM_METRICS=$SCRATCH/pipe LD_PRELOAD=$LIBRARY "$PYTHON" -c 1 2>err || fail "python3"
[[ -p pipe && $(wc -l <err) == 1 ]] || fail "a pipe was replaced, or not told of: $(cat err)"
echo old >whole
(
    ulimit -f 2 # of 1024 bytes
    trap '' XFSZ
    HAKMEM_METRICS=$SCRATCH/whole LD_PRELOAD=$LIBRARY "$PYTHON" -B -c 1 2>err
) || fail "python3"
[[ $(cat whole) == old ]] || fail "half a file came in its place"
expect_in err '^hakmem: \[[0-9]+\] HAKMEM_METRICS=.*/whole: cannot be written: expected ' "no room"
ls "$SCRATCH"/*.new 2>/dev/null && fail "a draft was left behind"
true
