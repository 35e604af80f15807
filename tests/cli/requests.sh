# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem trim` and `hakmem set`: a process that allocates serves them, one that
# does not, or is stopped, is told of; a request that waits is served later.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

step "a process that allocates"
start_known_heap churn
hakmem trim --wait $HANG $TARGET
expect_status 0 "hakmem trim"
expect_in out "^known_heap \[$TARGET\]: [0-9.]+ [KM]iB given back to the kernel\$" "hakmem trim"
hakmem set --wait $HANG $TARGET ss_cache_max=2M
expect_status 0 "hakmem set"
[[ $(cat out) == "known_heap [$TARGET]: HAKMEM_SS_CACHE_MAX is 2M now" ]] || fail "$(cat out)"
hakmem set --wait $HANG $TARGET HAKMEM_DECAY_MS=0
expect_status 0 "hakmem set"
hakmem set --wait $HANG $TARGET SS_PREFAULT=auto
expect_in out "HAKMEM_SS_PREFAULT is auto now" "hakmem set"

step "nothing is kept when DECAY_MS is 0"
wait_for "an empty warm pool" bash -c '
    '"$CLI"' stats '$TARGET' --metrics | grep -q "^hakmem_warm_bytes 0$"'

step "a stopped process: the request stands, and is served when it goes on"
stop $TARGET
hakmem set $TARGET DECAY_MS=77 --wait 0
expect_status 1 "hakmem set on a stopped process"
expect_in err "^hakmem set: known_heap \[$TARGET\] has not answered in 0 s: it is stopped; the request " \
    "a stopped process"
expect_line 1 "hakmem trim: an earlier request waits in known_heap [$TARGET]: it is served at the\
 next slow path" trim --wait 0 $TARGET
kill -CONT $TARGET
hakmem trim --wait $HANG $TARGET
expect_status 0 "a request after one that waited"

step "many at once: each is served"
commands=()
for i in 1 2 3 4 5 6 7 8; do
    "$CLI" set $TARGET --wait $HANG DECAY_MS=$i >out.$i 2>err.$i &
    commands+=($!)
done
for i in 1 2 3 4 5 6 7 8; do
    wait "${commands[i - 1]}" || fail "one of many: $(cat err.$i)"
    [[ $(cat out.$i) == "known_heap [$TARGET]: HAKMEM_DECAY_MS is $i now" ]] || fail "$(cat out.$i)"
done
kill -KILL $TARGET

step "a process that ends while it is waited for"
start_known_heap
"$CLI" trim --wait $HANG $TARGET >out 2>err &
command=$!
# it has the lock: another one does not get its turn
waits() { [[ $("$CLI" trim --wait 0 $TARGET 2>&1) == *"an earlier request waits"* ]]; }
wait_for "the request" waits
kill -KILL $TARGET
wait $command && fail "a request that nobody served has succeeded"
expect_in err "^hakmem trim: (process $TARGET \(known_heap\) has ended|there is no process $TARGET)\$" \
    "a process that ends"

step "a process that does not allocate"
start_known_heap
hakmem trim --wait 0 $TARGET
expect_status 1 "hakmem trim on a process at rest"
[[ $(wc -l <err) == 1 ]] || fail "more than a line: $(cat err)"

step "a child that is forked while its parent serves a request"
command -v gdb >/dev/null || { echo "no gdb"; exit 0; }
start children python3 -c '
import os, signal
def child(*_):
    if (number := os.fork()) != 0:
        print(number, flush=True)
signal.signal(signal.SIGUSR1, child)
print("ready", flush=True)
while True:
    signal.pause()'
wait_for "python3" grep -qs ready children
gdb -batch -p $TARGET -ex 'set var *(int *)&request = 2' >gdb.out 2>&1
hakmem trim --wait 0 $TARGET
[[ $(cat err) == *"an earlier request waits"* ]] || { echo "gdb cannot plant it"; exit 0; }
kill -USR1 $TARGET
wait_for "the child" grep -qsE '^[0-9]+$' children
child=$(grep -E '^[0-9]+$' children)
STARTED+=("$child")
hakmem trim --wait 0 "$child"
[[ $(cat err) != *"an earlier request waits"* ]] || fail "the child is said to serve its parent's"
