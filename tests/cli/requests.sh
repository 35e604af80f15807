# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem trim`, `set` and `limit`: a process that allocates serves them, one that
# does not, or is stopped, is told of at once; requests that stand are served later.

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

step "a stopped process: the request is served when it goes on"
stop $TARGET
expect_line 3 "hakmem set: known_heap [$TARGET] is stopped: it serves the request at its\
 next slow path of malloc or free" set $TARGET DECAY_MS=77
hakmem trim --wait 0 $TARGET
expect_status 3 "a second request"
expect_in err "is stopped: .*; that gives back at most [0-9.]+ [KM]?i?B\$" "a second request"
kill -CONT $TARGET
served() {
    hakmem set --wait $HANG $TARGET INTERVAL_MS=$1
    expect_status 0 "a request after others that waited"
    "$CLI" stats $TARGET --json | python3 -c '
import json, sys
settings = json.load(sys.stdin)["settings"]
sys.exit(str(settings["DECAY_MS"]) != "77" or str(settings["INTERVAL_MS"]) != sys.argv[1])' $1
}
wait_for "what was asked while it was stopped" served 700

step "the limit: bytes, none, a percentage of nothing"
hakmem limit --wait $HANG $TARGET 512M
[[ $STATUS == 0 && $(cat out) == "known_heap [$TARGET]: HAKMEM_LIMIT is 512M now" ]] ||
    fail "hakmem limit: $(cat out err)"
hakmem set --wait $HANG $TARGET LIMIT=none
[[ $STATUS == 0 && $(cat out) == "known_heap [$TARGET]: HAKMEM_LIMIT is none now" ]] ||
    fail "hakmem set LIMIT: $(cat out err)"
hakmem limit --wait $HANG $TARGET 50%
[[ $STATUS == 0 || $(cat err) == "hakmem limit: known_heap [$TARGET] has no control group that\
 limits its memory: a percentage has nothing to refer to" ]] || fail "hakmem limit 50%: $(cat out err)"

step "many at once: each is served, or another one after it"
commands=()
for i in 1 2 3 4 5 6 7 8; do
    "$CLI" set $TARGET --wait $HANG DECAY_MS=$i >out.$i 2>err.$i &
    commands+=($!)
done
for i in 1 2 3 4 5 6 7 8; do
    wait "${commands[i - 1]}" || fail "one of many: $(cat err.$i)"
    grep -qxE "known_heap \[$TARGET\]: HAKMEM_DECAY_MS is ($i now|[1-8] now: another command has\
 asked for that since)" out.$i || fail "$(cat out.$i)"
done
kill -KILL $TARGET

step "a limit that is set while the program runs holds"
start limited python3 -c '
import os, time
blocks = [bytes(1 << 20) for _ in range(32)]
print("ready", flush=True)
while not os.path.exists("is_limited"): # slow paths, no growth
    bytearray(3 << 20)
    time.sleep(0.001)
try:
    while len(blocks) < 4096:
        blocks.append(bytes(1 << 20))
except MemoryError:
    pass
count = len(blocks)
del blocks
print("refused at", count, flush=True)'
wait_for "python3" grep -qs ready limited
hakmem limit --wait $HANG $TARGET 128M
"$CLI" stats $TARGET >out
expect_in out '^limit 128\.0 MiB \(HAKMEM_LIMIT\)$' "stats with a limit"
touch is_limited
wait_for "the limit" grep -qs refused limited
[[ $(sed -n 's/^refused at //p' limited) -lt 128 ]] || fail "the limit does not hold: $(cat limited)"

step "a limit below what is in use: what follows is said; stats says that it is reached"
start above python3 -c '
import time
blocks = [bytes(1 << 20) for _ in range(64)]
print("ready", flush=True)
while True: # slow paths
    try:
        bytearray(3 << 20)
    except MemoryError:
        pass
    time.sleep(0.001)'
wait_for "python3" grep -qs ready above
hakmem limit --wait $HANG $TARGET 30M
expect_status 0 "a limit below what is in use"
expect_in out '\]: HAKMEM_LIMIT is 30M now$' "a limit below what is in use"
expect_in out '^[6-9][0-9]\.[0-9] MiB are in use: calls of malloc that need more memory fail from now on, until memory is freed$' "a limit below what is in use"
"$CLI" stats $TARGET >out
expect_in out '^limit 30\.0 MiB \(HAKMEM_LIMIT\): reached; calls of malloc that need more memory fail$' "stats at the limit"
kill -KILL $TARGET

step "a process that ends while it is waited for"
start_known_heap
"$CLI" trim --wait $HANG $TARGET >out 2>err &
command=$!
stands() { # the first word of `requests` says so
    python3 - $TARGET "$(nm "$LIBRARY" | sed -n 's/ [bBdD] requests$//p')" <<'PYTHON'
import re, struct, sys
pid, offset = sys.argv[1], int(sys.argv[2], 16)
base = next(int(line.split("-")[0], 16) for line in open(f"/proc/{pid}/maps") if "libhakmem" in line)
memory = open(f"/proc/{pid}/mem", "rb")
memory.seek(base + offset)
sys.exit(struct.unpack("I", memory.read(4))[0] != 1)
PYTHON
}
wait_for "the request" stands
kill -KILL $TARGET
wait $command && fail "a request that nobody served has succeeded"
expect_in err "^hakmem trim: known_heap \[$TARGET\] ended while hakmem waited for its answer\$" \
    "a process that ends"

step "an idle process is not waited for, unless that is asked for"
start_known_heap
sleeps() { # each of its threads
    ! grep -h '^State:' /proc/$TARGET/task/*/status | grep -qv '^State:.S'
}
wait_for "its rest" sleeps
hakmem trim $TARGET
expect_status 3 "hakmem trim on a process at rest"
[[ $(cat err) == "hakmem trim: known_heap [$TARGET] is idle: it serves the request at its\
 next slow path of malloc or free; that gives back at most "* ]] || fail "at rest: $(cat err)"
expect_line 3 "hakmem limit: known_heap [$TARGET] is idle: it serves the request at its\
 next slow path of malloc or free" limit $TARGET 1G
expect_line 3 "hakmem set: known_heap [$TARGET] has not answered in 0 s: it serves the request\
 at its next slow path of malloc or free" set $TARGET DECAY_MS=5 --wait 0
kill -KILL $TARGET

step "the helper of an idle process serves it"
HAKMEM_BACKGROUND=1 HAKMEM_DECAY_MS=3600000 start heap ./known_heap
wait_for "known_heap" grep -qs '^ready' heap
if (($(ls /proc/$TARGET/task | wc -l) == 3)); then
    hakmem trim --wait $HANG $TARGET
    expect_status 0 "hakmem trim with a helper"
    hakmem set --wait $HANG $TARGET DECAY_MS=3000000
    expect_status 0 "hakmem set with a helper"
else
    echo "no helper can run here"
fi
kill -KILL $TARGET

step "a child that is forked while its parent serves a request"
command -v gdb >/dev/null || { echo "no gdb"; exit 0; }
start children python3 -c '
import os, signal, time
def child(*_):
    if (number := os.fork()) != 0:
        print(number, flush=True)
        return
    while True: # slow paths
        bytearray(3 << 20)
        time.sleep(0.002)
signal.signal(signal.SIGUSR1, child)
print("ready", flush=True)
while True:
    signal.pause()'
wait_for "python3" grep -qs ready children
# is_serving: a thread is at it
gdb -batch -p $TARGET -ex 'set var *(char *)((char *)&requests + 4) = 1' >gdb.out 2>&1
hakmem trim --wait 0 $TARGET
expect_status 3 "a process that serves another request"
kill -USR1 $TARGET
wait_for "the child" grep -qsE '^[0-9]+$' children
child=$(grep -E '^[0-9]+$' children)
STARTED+=("$child")
hakmem trim --wait $HANG "$child"
expect_status 0 "a child whose parent was serving a request"
kill -KILL "$child" # it is no child of ours, so nobody else ends it
