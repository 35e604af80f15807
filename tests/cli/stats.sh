# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem stats`: a known heap is told as it is; the terms add up to what the
# kernel says, on real programs too; a stopped process can be read; a heap that changes while it is
# read is no trouble; JSON and metrics are well formed.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }

# smaps_rss PID: the sum of all mappings' resident bytes.
smaps_rss() {
    awk '/^Rss:/ { sum += $2 } END { print sum * 1024 }' "/proc/$1/smaps"
}

# expect_sum PID NAME: the terms' sum is within 2 % of the kernel's.
expect_sum() {
    hakmem stats "$1" --json
    expect_status 0 "hakmem stats of $2"
    python3 - "$(smaps_rss "$1")" "$2" <<'PYTHON' || fail "the terms of $2 do not add up"
import json, sys
rss, name = int(sys.argv[1]), sys.argv[2]
data = json.load(open("out"))
terms = dict(data["terms"])
unexplained = terms.pop("unexplained")
total = sum(terms.values())
print(f"{name}: RSS {rss}, sum of the terms {total}, off by {100 * (total - rss) / rss:.3f} %")
good = abs(total - rss) <= 0.02 * rss and total + unexplained == data["rss_bytes"]
good &= all(value >= 0 for value in terms.values())
sys.exit(not good)
PYTHON
}

step "a known heap"
start_known_heap
hakmem stats $TARGET --json
expect_status 0 "hakmem stats"
[[ $(number '["pid"]') == "$TARGET" && $(number '["program"]') == known_heap ]] ||
    fail "not the process: $(head -n 5 out)"
[[ $(number '["lanes"][3]["live_blocks"]') == 2 ]] || fail "not two Huge blocks"
huge=$(((5 << 20) + (10 << 20) + 4096))
[[ $(number '["lanes"][3]["live_bytes"]') == "$huge" ]] ||
    fail "Huge: $(number '["lanes"][3]["live_bytes"]') bytes live, not $huge"
[[ $(number '["lanes"][2]["live_blocks"]') == 1 ]] || fail "not one ACE span"
class='[c for c in data["classes"] if c["size"] == 208][0]'
for key in live_blocks:500 live_bytes:104000; do
    got=$(python3 -c "import json; data = json.load(open('out')); print(($class)['${key%:*}'])")
    [[ $got == "${key#*:}" ]] || fail "class 208: $got, not $key"
done
# 1,000 blocks were allocated, which passed the thread cache, and 500 of them freed
passed=$(python3 -c "
import json
data = json.load(open('out'))
c = $class
huge = data['lanes'][3]
print(1000 <= c['refilled_blocks'] <= 1100,
      c['refilled_blocks'] - c['flushed_blocks'] == c['live_blocks'] + c['thread_cached_blocks'],
      huge['refilled_blocks'] - huge['flushed_blocks'] == huge['live_blocks'])")
[[ $passed == "True True True" ]] || fail "class 208: what passed caches: $passed"
cached=$(python3 -c "
import json
data = json.load(open('out'))
c = $class
print(c['thread_cached_blocks'] + c['depots_blocks'] + c['free_blocks'] >= 500)")
[[ $cached == True ]] || fail "500 blocks were freed, but are not free"
[[ $(number '["terms"]["purgeable"]') -ge $((3 << 20)) ]] || fail "the freed Huge block is not there"
[[ $(number '["implausible"]') == 0 ]] || fail "a heap at rest looks implausible"
expect_sum $TARGET known_heap
(($(number '["terms"]["unexplained"]') == 0)) || fail "a process at rest is not exact"

# live is what the blocks take, with no guess at what was not asked for
live=$(number '["terms"]["live"], sum(lane["live_bytes"] for lane in data["lanes"])')
[[ $live =~ ^\(([0-9]+),\ ([0-9]+)\)$ && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]] ||
    fail "live, and the lanes' live bytes: $live"
! grep -q rounding out || fail "a guess at rounding: $(grep rounding out)"

settings=$(number '["settings"]["DECAY_MS"], data["settings"]["SS_PREFAULT"]')
[[ $settings == "(-1, 3)" ]] || fail "the settings: $settings"

[[ $(number '["threads"][0]["name"]') == known_heap ]] || fail "the thread's name"

step "text"
hakmem stats $TARGET
expect_status 0 "hakmem stats"
expect_narrow out "hakmem stats"
expect_in out '^RSS +[0-9.]+ MiB$' "hakmem stats"
expect_in out '^= live blocks +15\.[0-9] MiB' "hakmem stats"
expect_in out '^Huge +2 +15\.0 MiB' "hakmem stats"

step "metrics"
hakmem stats $TARGET --metrics
expect_status 0 "hakmem stats --metrics"
[[ $(tail -n 1 out) == "# EOF" ]] || fail "metrics without an end"
expect_in out '^hakmem_resident_bytes\{term="live"\} [0-9]+$' metrics
expect_in out '^hakmem_class_blocks\{size="208",state="live"\} 500$' metrics
expect_in out '^hakmem_refilled_blocks_total\{size="208"\} 1[0-9]{3}$' metrics
expect_in out '^hakmem_flushed_blocks_total\{size="huge"\} 1$' metrics
grep -Evq '^(# (TYPE|HELP|EOF)|hakmem_[a-z_]+(\{[^}]*\})? [0-9]+$)' out &&
    fail "metrics: $(grep -Ev '^(# (TYPE|HELP|EOF)|hakmem_[a-z_]+(\{[^}]*\})? [0-9]+$)' out)"

step "a stopped process"
stop $TARGET
expect_sum $TARGET "known_heap, stopped"
kill -CONT $TARGET

step "what is not the heap's"
cat >others.py <<'PYTHON'
import mmap, threading
MIB = 1 << 20
def written(size, flags):
    area = mmap.mmap(-1, size, flags=flags)
    area.write(b"x" * size)
    return area
shared = written(5 * MIB, mmap.MAP_SHARED)
own = written(3 * MIB, mmap.MAP_PRIVATE)
with open("others.data", "wb") as file:
    file.write(b"x" * 7 * MIB)
file = open("others.data", "r+b")
data = mmap.mmap(file.fileno(), 0)
print("sum", sum(data[::4096]), flush=True)
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
PYTHON
start others python3 others.py
wait_for "others.py" grep -qs ready others
expect_sum $TARGET others.py
good=$(number '["others"]["shared"] == 5 << 20, 7 << 20 <= data["others"]["files"] < 8 << 20,
    3 << 20 <= data["others"]["anonymous"] < 16 << 20, data["others"]["stacks"] > 0,
    data["others"]["code"] > 1 << 20, sum(data["others"].values()) == data["terms"]["others"]')
[[ $good == *True* && $good != *False* ]] || fail "what is not the heap's: $good $(grep others out)"
hakmem stats $TARGET
expect_in out '^    shared memory +5\.0 MiB +[0-9.]+ %$' "hakmem stats"
hakmem stats $TARGET --metrics
expect_in out '^hakmem_others_bytes\{kind="shared"\} 5242880$' "hakmem stats --metrics"
kill -KILL $TARGET

step "pages that were only read are not resident"
start reader python3 -c '
import time
block = bytes(64 << 20)
print("ready" * (sum(block[::4096]) == 0), flush=True)
time.sleep(99)'
wait_for "a reader" grep -qs '^ready' reader
expect_sum $TARGET "a reader of zero pages"
(($(number '["terms"]["live"]') < 32 << 20)) || fail "zero pages are counted as live"
kill -KILL $TARGET

step "a process whose address space is rationed"
rm heap
(
    ulimit -v 4000000
    exec env LD_PRELOAD="$LIBRARY" ./known_heap
) >heap 2>&1 </dev/null &
TARGET=$!
disown
STARTED+=("$TARGET")
wait_for known_heap grep -qs '^ready' heap
expect_sum $TARGET "known_heap, rationed"
(($(number '["terms"]["unexplained"]') == 0)) || fail "a rationed process at rest is not exact"
[[ $(number '["lanes"][3]["live_blocks"]') == 2 ]] || fail "rationed: not two Huge blocks"

step "a process that uses libc's heap"
HAKMEM_FORCE_LIBC_ALLOC=1 start heap ./known_heap
wait_for known_heap grep -qs '^ready' heap
hakmem stats $TARGET
expect_status 0 "hakmem stats of libc's heap"
expect_in out "^the heap has not been used yet, or HAKMEM_FORCE_LIBC_ALLOC is set" "libc's heap"
expect_line 1 "hakmem trim: known_heap [$TARGET] does not use the heap of HAKMEM" trim $TARGET

step "a statically linked program, stripped"
cc -D_GNU_SOURCE -O1 -fno-builtin -pthread -static -s "$SOURCE/tests/cli/programs/known_heap.c" \
    -Wl,--whole-archive "$(dirname "$CLI")/libhakmem.a" -Wl,--no-whole-archive -o known_static \
    2>link.err ||
    fail "known_heap.c does not link statically"
rm heap
./known_static >heap 2>&1 </dev/null &
TARGET=$!
disown
STARTED+=("$TARGET")
wait_for known_static grep -qs '^ready' heap
hakmem stats $TARGET --json
expect_status 0 "hakmem stats of a static program"
[[ $(number '["lanes"][3]["live_blocks"]') == 2 ]] || fail "static: not two Huge blocks"
expect_sum $TARGET known_static

step "a heap that changes all the time: no crash, no endless loop, a result"
cat >churn.py <<'PYTHON'
import random, threading
def run(seed):
    random.seed(seed)
    kept = []
    while True:
        kept.append(bytearray(int(2 ** random.uniform(4, 21))))
        if len(kept) > 500 or random.random() < 0.001:
            del kept[:random.randrange(len(kept))]
for seed in range(3):
    threading.Thread(target=run, args=(seed,)).start()
print("ready", flush=True)
PYTHON
PYTHONMALLOC=malloc start churn python3 churn.py
wait_for churn.py grep -qs ready churn
for ((i = 0; i < 15; i++)); do
    timeout "$HANG" "$CLI" stats $TARGET --json >out 2>err || fail "in look $i: status $?, $(cat err)"
    python3 -m json.tool out >/dev/null || fail "look $i: no JSON"
done
kill -KILL $TARGET

step "real programs"
has_live() {
    "$CLI" stats $TARGET --metrics 2>/dev/null |
        awk '/term="live"/ { live = $2 } END { exit !(live > 500000) }'
}
run_real() {
    command -v "$2" >/dev/null || { echo "no $2 here"; return; }
    start "$@"
    wait_for "live memory of $2" has_live
    stop $TARGET
    expect_sum $TARGET "$2"
    kill -KILL $TARGET
}
run_real redis redis-server --port 0 --unixsocket "$SCRATCH/redis.sock" --save ""
PYTHONMALLOC=malloc run_real python python3 -c '
import json, time
rows = [json.loads(json.dumps({"a": i, "b": [str(i)] * 5})) for i in range(30000)]
del rows[::3]
time.sleep(99)'
run_real perl perl -e 'my %h; $h{$_} = "x" x ($_ % 999) for 1..60000; delete $h{$_ * 2} for 1..20000; sleep 99'
run_real sqlite sqlite3 :memory: "create table t(a, b);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
    insert into t select i, hex(randomblob(i % 99)) from n;
    with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n;"
run_real node node -e 'let a = []; for (let i = 0; i < 1e5; i++) a.push(Buffer.alloc(i % 5000)); setInterval(() => 0, 9e4)'

step "a process that is being started"
cat >later.c <<'C'
#include <unistd.h>
int main(int count, char **words)
{
    usleep(60000);
    return count < 2 || execv(words[1], words + 1);
}
C
if cc -O1 -static later.c -o later 2>static.txt; then
    missed=0
    for _ in {1..10}; do
        start heap ./later "$(command -v sleep)" 60
        hakmem stats $TARGET
        ((STATUS == 0)) || missed=$((missed + 1))
        kill -KILL $TARGET
    done
    # one that starts slower than a look is patient is missed
    ((missed < 5)) || fail "$missed of 10 were not seen: $(cat err)"
fi
