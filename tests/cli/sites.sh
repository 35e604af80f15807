# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem sites` and `hakmem profile`: what they tell of a profile that is known, of
# a process, a stopped one, a core, and a program at its end; that other tools read the files; and
# that what cannot be done is refused with one line.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
source "$SOURCE/tests/cli/made_profile.bash"

build_made_profile made_profile -g -O1
build_made_profile stripped -O1 -s

# expect_known WORDS...: the table of what is known.
expect_known() {
    hakmem sites "$@"
    expect_status 0 "hakmem sites $*"
    expect_narrow out "hakmem sites $*"
    expect_in out '401\.0 MiB live, by who asked for it$' "sites $*"
    expect_in out '^sampled every 512\.0 KiB on average, for [0-9]+ d$' "sites $*"
    expect_in out '^  300\.0 MiB   74\.8 %         2100   146\.3 KiB$' "sites $*"
    expect_in out '^    load_orders made_profile\.c:[0-9]+$' "sites $*"
    expect_in out '^    take_line made_profile\.c:[0-9]+$' "sites $*: a function that was inlined"
    expect_in out '^        parse_lines made_profile\.c:[0-9]+$' "sites $*"
    expect_in out '^        main made_profile\.c:[0-9]+$' "sites $*"
    expect_in out '^    \(stack not kept\)$' "sites $*"
    expect_in out '^no room for samples or stacks, 3 times \(HAKMEM_PROFILE_MEMORY\)$' "sites $*"
    ! grep -q 'xmalloc\|stack_capture' out || fail "sites $*: shows the allocator's own: $(cat out)"
}

step "a process, and a stopped one"
start_made_profile wait
expect_known $TARGET
stop $TARGET
expect_known $TARGET
kill -CONT $TARGET

step "a core"
if command -v gcore >/dev/null && gcore -o core $TARGET >/dev/null 2>&1; then
    expect_known --core core.$TARGET
    hakmem profile --core core.$TARGET -o core.folded
    expect_status 0 "profile --core"
    expect_in core.folded 'main;make;load_orders 314572800$' "profile --core"
fi

step "the other figures"
hakmem sites $TARGET --allocated --top 1
expect_in out '9\.3 GiB allocated since profiling began, by who asked for it$' "--allocated"
expect_in out '^    9\.0 GiB   96\.8 %      1000000     9\.4 KiB$' "--allocated"
expect_in out '^\(2 smaller not shown: --top N shows more, --json all\)$' "--top 1"
hakmem sites $TARGET --peak
expect_in out '^  400\.0 MiB   5[78]\.[0-9] %         5000    81\.9 KiB$' "--peak"
hakmem sites $TARGET --lifetime
expect_in out '^    9\.0 GiB +96\.8 % +1000000 +< 1 ms +< 32 ms +< 5 s +1\.1 %$' "--lifetime"
expect_in out '^    freed after: 60\.0 % < 1 ms, 39\.0 % 16 ms to 32 ms, 1\.0 % 3 s to 5 s$' "--lifetime"
expect_in out '^  300\.0 MiB +3\.2 % +2100 +- +- +- +100\.0 %$' "--lifetime"
expect_narrow out "--lifetime"
hakmem sites $TARGET --json
[[ $(number '["sites"][0]["live_bytes"]') == 314572800 ]] || fail "--json: $(cat out)"
[[ $(number '["sites"][1]["label"]') == 77 && $(number '["dropped"]') == 3 ]] || fail "--json"
[[ $(number '["sites"][1]["requested_bytes"]') == 8589934592 ]] || fail "--json"
[[ $(python3 -c 'import json
site = json.load(open("out"))["sites"][1]
print([f["function"] for f in site["stack"] if "allocator" not in f][:2])') == \
    "['take_line', 'parse_lines']" ]] || fail "--json: stack of $(cat out)"

step "pprof's form"
hakmem profile $TARGET -o made.pb.gz
expect_status 0 "profile"
python3 "$SOURCE/tests/cli/pprof.py" made.pb.gz >decoded || fail "pprof.py: $(cat decoded)"
expect_in decoded '^types alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes peak_objects/count peak_space/bytes pinned_space/bytes$' pprof
expect_in decoded '^period space/bytes 524288 default inuse_space$' pprof
expect_in decoded '^2100 314572800 2100 314572800 2000 304087040 0 load_orders<make<main<.*_start$' pprof
expect_in decoded '^1000000 9663676416 1000 104857600 5000 419430400 0 take_line<parse_lines<make<main<.*_start label=77$' pprof
expect_in decoded "^mapping .*/made_profile $(readelf -n made_profile | sed -n 's/.*Build ID: //p')\$" pprof
if command -v go >/dev/null; then
    GOFLAGS=-mod=mod HOME=$SCRATCH go tool pprof -top -sample_index=inuse_space made.pb.gz >top 2>&1 ||
        fail "go tool pprof: $(cat top)"
    expect_in top '^ +300MB +[0-9.]+% +[0-9.]+% +300MB +[0-9.]+% +load_orders$' "go tool pprof"
fi

step "google-pprof's form"
hakmem profile $TARGET -o made.heap
expect_in made.heap '^heap profile: 3100: 420478976 \[1002100: 9979297792\] @ heapprofile$' ".heap"
if command -v google-pprof >/dev/null; then
    google-pprof --text --inuse_space ./made_profile made.heap >top 2>/dev/null
    expect_in top '^ +300\.0 +[0-9.]+% +[0-9.]+% +300\.0 +[0-9.]+% load_orders$' "google-pprof"
fi

step "flame graphs, speedscope, text"
hakmem profile $TARGET -o made.folded
expect_in made.folded ';main;make;load_orders 314572800$' ".folded"
hakmem profile $TARGET --allocated -o made.folded
expect_in made.folded ';main;make;parse_lines;take_line 9663676416$' ".folded --allocated"
hakmem profile $TARGET -o made.json
python3 - made.json <<'PYTHON' || fail ".json"
import json, sys
data = json.load(open(sys.argv[1]))
names = [f["name"] for f in data["shared"]["frames"]]
assert data["$schema"] == "https://www.speedscope.app/file-format-schema.json"
assert [p["name"] for p in data["profiles"]] == ["live", "allocated", "peak", "pinned"]
for profile in data["profiles"]:
    assert len(profile["samples"]) == len(profile["weights"])
    assert sum(profile["weights"]) == profile["endValue"]
assert [names[i] for i in data["profiles"][0]["samples"][0]][-3:] == ["main", "make", "load_orders"]
PYTHON
hakmem profile $TARGET -o made.txt
expect_in made.txt '^        main /.*/made_profile\.c:[0-9]+$' ".txt"

step "a program that was stripped, and one that was deleted or replaced"
start_made_profile wait stripped
hakmem sites $TARGET
expect_status 0 "a stripped program"
expect_in out '^    stripped\+0x[0-9a-f]+$' "a stripped program"
expect_in err "^hakmem sites: no symbols for some addresses of $PWD/stripped( and other files)?, which are shown as offsets: it is stripped, or was replaced; install its debug symbols\$" \
    "a stripped program"
cp made_profile gone
start_made_profile wait gone
rm gone
hakmem sites $TARGET
if ((EUID == 0)); then
    expect_in out '^    load_orders made_profile\.c:[0-9]+$' "a deleted program"
fi
cp made_profile replaced
start_made_profile wait replaced
gcore -o replaced.core $TARGET >/dev/null 2>&1
mv stripped replaced
hakmem sites --core replaced.core.$TARGET
! grep -q load_orders out || fail "a file of another build names functions"

step "a separate debug file"
if command -v objcopy >/dev/null; then
    build_made_profile split -g -O1
    objcopy --only-keep-debug split split.debug
    objcopy --strip-all --add-gnu-debuglink=split.debug split
    start_made_profile wait split
    hakmem sites $TARGET
    expect_in out '^    load_orders made_profile\.c:[0-9]+$' "a separate debug file"
    [[ ! -s err ]] || grep -qv "$PWD/split" err || fail "a separate debug file: $(cat err)"
fi

step "files whose symbols are not to be trusted"
for seed in 1 2 3 4 5 6; do
    python3 - $seed <<'PYTHON'
import random, re, subprocess, sys
random.seed(int(sys.argv[1]))
data = bytearray(open("made_profile", "rb").read())
# what is not loaded: the loader shall start the program
lines = subprocess.run(["readelf", "-SW", "made_profile"], capture_output=True, text=True).stdout
for line in lines.splitlines():
    found = re.match(r" +\[ *\d+\] (\.debug_\w+|\.symtab|\.strtab) +\w+ +\w+ (\w+) (\w+)", line)
    if found:
        offset, size = int(found[2], 16), int(found[3], 16)
        for _ in range(size // 40 + 1):
            data[offset + random.randrange(size)] = random.randrange(256)
open(f"bad.{sys.argv[1]}", "wb").write(data)
PYTHON
    chmod 755 bad.$seed
    start_made_profile wait bad.$seed
    timeout "$HANG" "$CLI" sites $TARGET >out 2>err
    STATUS=$?
    [[ $STATUS == 0 || $(cat err) == *"no HAKMEM in it"* ]] ||
        fail "bad symbols $seed: status $STATUS, $(cat err)"
    kill -KILL $TARGET
done

step "code that a process has compiled itself"
start_made_profile jit
# the program has put a stack with such an address into its profile
address=$(sed -n 's/^jit //p' made.out)
printf '%x 40 compiled by a JIT\n' $((address - 16)) >"/tmp/perf-$TARGET.map"
hakmem sites $TARGET
rm -f "/tmp/perf-$TARGET.map"
expect_in out '^    compiled by a JIT$' "a JIT's map"

step "a program at its end"
cp made_profile prog
hakmem profile -- ./prog exit
expect_status 0 "profile -- PROGRAM"
expect_in err '^hakmem profile: the profile of prog \[[0-9]+\] is in prog\.pb\.gz$' "profile -- PROGRAM"
python3 "$SOURCE/tests/cli/pprof.py" prog.pb.gz >decoded || fail "pprof.py: $(cat decoded)"
expect_in decoded ' load_orders<make<main<' "profile -- PROGRAM"
expect_in decoded '^period space/bytes 524288 default peak_space$' "profile -- PROGRAM"
hakmem profile -o end.folded -- sh -c './prog exit; exit 7'
expect_status 7 "profile -- PROGRAM: its exit status"
expect_in end.folded 'load_orders 304087040$' "profile of a child"
expect_no_leftovers "profile -- PROGRAM"
HAKMEM_FORCE_LIBC_ALLOC=1 "$CLI" profile -o none.txt -- sleep 0 >out 2>err
[[ $? == 125 && ! -e none.txt ]] || fail "a program without a profile: $(cat err)"
expect_in err "^hakmem profile: no profile of 'sleep': " "a program without a profile"
hakmem profile -o none.txt -- sh -c 'kill -KILL $$'
expect_status 137 "a program that is killed"
expect_in err "^hakmem profile: no profile of 'sh': signal 9 \(Killed\) has ended it\$" "it is killed"
hakmem profile -o none.txt -- ./nowhere
expect_status 127 "no such program"
[[ ! -e none.txt ]] || fail "there is a file of no program"
expect_no_leftovers "profile -- PROGRAM that fails"

step "what samples say of a program"
# shares FILE: within 5 percentage points of the truth: of what is live, 69 % and 31 %.
shares() {
    python3 - "$1" <<'PYTHON' || fail "shares: $(cat "$1")"
import sys
live = {}
for line in open(sys.argv[1]):
    stack, size = line.rsplit(" ", 1)
    for name in ("load_orders", "parse_lines", "churn"):
        if f"{name}(" in stack:
            live[name] = live.get(name, 0) + int(size)
total = sum(live.values())
print(live)
assert abs(live["load_orders"] / total - 0.69) < 0.05 and abs(live["parse_lines"] / total - 0.31) < 0.05
assert live.get("churn", 0) / total < 0.01
assert 0.9 < total / (100 << 20) < 1.1
PYTHON
}
if command -v c++ >/dev/null; then
    c++ -g -O1 "$SOURCE/tests/cli/programs/sampled.cpp" -o sampled || fail "sampled.cpp does not compile"
    # a fine interval: what is left of chance is far below the bounds
    export HAKMEM_PROFILE_INTERVAL=16384
    HAKMEM_PROFILE=1 start sampled.out ./sampled
    wait_for "sampled" grep -qs '^ready' sampled.out
    hakmem profile $TARGET -o live.folded
    expect_status 0 "profile of a sampled program"
    shares live.folded
    hakmem sites $TARGET
    expect_in out '^    load_orders\(\) sampled\.cpp:[0-9]+$' "sites of a sampled program"
    expect_narrow out "sites of a sampled program"
    hakmem sites $TARGET --lifetime
    expect_in out '^    churn\(\) sampled\.cpp:[0-9]+$' "what does not live long"
    hakmem profile -o peak.folded -- ./sampled exit
    expect_status 0 "profile of a sampled program at its end"
    shares peak.folded
    unset HAKMEM_PROFILE_INTERVAL
fi

step "how long blocks live"
# No bound from above for what waits: the machine may be slow.
cat >living.c <<'PROGRAM'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
__attribute__((noinline)) static void *brief(void) { return memset(malloc(200), 1, 200); }
__attribute__((noinline)) static void *steady(void) { return memset(malloc(300), 1, 300); }
__attribute__((noinline)) static void *endless(void) { return memset(malloc(400), 1, 400); }
int main(void)
{
    static void *blocks[1000];
    for (int i = 0; i < 100; i++)
        endless();
    for (int i = 0; i < 1000; i++)
        blocks[i] = steady();
    for (int i = 0; i < 1000; i++)
        free(brief());
    usleep(600000);
    for (int i = 0; i < 750; i++)
        free(blocks[i]);
    write(1, "ready\n", 6);
    for (;;)
        pause();
}
PROGRAM
cc -g -O1 -fno-builtin -w living.c -o living || fail "living.c does not compile"
HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=1 start living.out ./living
wait_for "living" grep -qs '^ready' living.out
hakmem sites $TARGET --lifetime --json
python3 - <<'PYTHON' || fail "lifetimes: $(cat out)"
import json
sites = {}
for site in json.load(open("out"))["sites"]:
    sites[[f["function"] for f in site["stack"] if "allocator" not in f][0]] = site
brief, steady, endless = (sites[name]["lifetimes_ms"] for name in ("brief", "steady", "endless"))
assert sum(brief) == 1000 and sum(brief[:4]) >= 800, brief
# the clock has ticks of up to 10 ms: 600 ms may be seen as a little less, but not as 512
assert sum(steady) == 750 and sum(steady[10:]) == 750, steady
assert sum(endless) == 0
assert sites["steady"]["live_blocks"] == 250 and sites["endless"]["live_blocks"] == 100
PYTHON
hakmem sites $TARGET --lifetime
expect_narrow out "--lifetime"
expect_in out '^ +[0-9.]+ KiB +[0-9.]+ % +1000 +< [0-9]+ m?s +< [0-9]+ m?s +< [0-9]+ m?s +25\.0 %$' "--lifetime"
expect_in out '^ +[0-9.]+ KiB +[0-9.]+ % +100 +- +- +- +100\.0 %$' "--lifetime"
expect_in out '^    freed after: [0-9.]+ % (< |[0-9]+ m?s to )[0-9]+ m?s' "--lifetime"

step "profiles that make no sense"
start_made_profile wrong
hakmem sites $TARGET
expect_status 0 "a profile with wrong numbers"
expect_in out '401\.0 MiB live' "a profile with wrong numbers"
expect_in out '^left out, since it changed while it was read: 6 things$' "wrong numbers"
start_made_profile huge
expect_line 1 "hakmem sites: process $TARGET (made_profile): its heap is damaged: the table of its profile makes no sense" \
    sites $TARGET
start_made_profile endless
( ulimit -v 262144 && exec timeout -s KILL 20 "$CLI" sites $TARGET >out 2>err )
STATUS=$?
expect_status 0 "a table of which there is little"
# behind it lies other memory, which may read as sites
expect_in out '^  300\.0 MiB +[0-9.]+ % +2100 ' "a table of which there is little"
start_made_profile samples
expect_line 1 "hakmem sites: process $TARGET (made_profile): its heap is damaged: the samples of its profile make no sense" \
    sites $TARGET
start_made_profile wild
hakmem sites $TARGET --pinned
expect_status 0 "samples of no blocks"
expect_in out '^partly used pages have 0 B free; accounted for: - of it$' "samples of no blocks"
expect_in out '^left out, since it changed while it was read: [0-9]+ things$' "samples of no blocks"
start_made_profile store
expect_line 1 "hakmem sites: process $TARGET (made_profile): its heap is damaged: the stacks of its profile make no sense" \
    sites $TARGET

step "what cannot be done"
start_made_profile never
off="profiling is not on in it: see hakmem profile --for, or start it with HAKMEM_PROFILE=1"
expect_line 1 "hakmem sites: process $TARGET (made_profile): $off" sites $TARGET
expect_line 1 "hakmem profile: process $TARGET (made_profile): $off" profile $TARGET -o new.txt
[[ ! -e new.txt ]] || fail "there is a file without a profile"
expect_line 1 "hakmem sites: there is no process 99999999" sites 99999999
expect_line 1 "hakmem profile: there is no process 99999999" profile 99999999 -o new.txt
sleep 99 &
STARTED+=($!)
expect_line 1 "hakmem sites: process $! (sleep): no HAKMEM in it: libhakmem is neither loaded nor linked: start the program \
with hakmem run, or with libhakmem.so in LD_PRELOAD" sites $!
expect_line 2 "hakmem sites: no process given (see hakmem sites --help)" sites
expect_line 2 "hakmem sites: '3' is one word too many" sites $TARGET 3
expect_line 2 "hakmem sites: --top cannot be '0': expected 1 to 1000000" sites $TARGET --top 0
expect_line 2 "hakmem profile: no process or program given (see hakmem profile --help)" profile
expect_line 2 "hakmem profile: no file given: -o FILE (see hakmem profile --help)" profile $TARGET
expect_line 2 "hakmem profile: 'x.svg' does not say in which form: its name ends in none of .pb.gz, .heap, .folded, .json, .txt or .html" \
    profile $TARGET -o x.svg
start_made_profile wait
expect_line 2 "hakmem profile: cannot write '/nowhere/x.txt': No such file or directory" \
    profile $TARGET -o /nowhere/x.txt
expect_line 2 "hakmem profile: cannot write '/nowhere/x.txt': No such file or directory" \
    profile -o /nowhere/x.txt -- ./prog exit
ln -s /dev/full full.pb.gz
expect_line 1 "hakmem profile: cannot write 'full.pb.gz': No space left on device" \
    profile $TARGET -o full.pb.gz
if ((EUID == 0)) && command -v setpriv >/dev/null; then
    chmod 711 "$SCRATCH"
    cp "$CLI" ./copy
    chmod 755 copy
    setpriv --reuid=65534 --regid=65534 --clear-groups ./copy sites $TARGET >out 2>err
    STATUS=$?
    expect_status 1 "another user"
    [[ $(cat err) == "hakmem sites: process $TARGET (made_profile) is another user's: only that user\
 or root may read it" ]] || fail "another user: $(cat err)"
fi

step "a profile with as much memory as one may have"
HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=1 HAKMEM_PROFILE_MEMORY=16G start sleep.out sleep 99
wait_for "the profile of sleep" eval '"$CLI" sites $TARGET >out 2>err; ! grep -q "is not on in it\|no HAKMEM" err'
hakmem sites $TARGET
expect_status 0 "HAKMEM_PROFILE_MEMORY=16G"
expect_in out ' live, by who asked for it$' "HAKMEM_PROFILE_MEMORY=16G"
