# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem diff` of profiles: of two files and of one process at two moments, with
# known changes; files of other programs; and files that are damaged.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

# 500 blocks more of 3,000 bytes (the class has 3,072) of one stack, 400 less of 2,000 (2,048) of
# another; a third stays.
cat >step.c <<'PROGRAM'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((noinline)) static void *grow(void) { return malloc(3000); }
__attribute__((noinline)) static void *shrink(void) { return malloc(2000); }
__attribute__((noinline)) static void *stay(void) { return malloc(5000); }
int main(void)
{
    static void *grown[1000], *shrunk[1000], *stayed[100];
    char byte;
    for (int i = 0; i < 1000; i++)
        shrunk[i] = shrink();
    for (int i = 0; i < 500; i++)
        grown[i] = grow();
    for (int i = 0; i < 100; i++)
        stayed[i] = stay();
    write(1, "ready\n", 6);
    if (read(0, &byte, 1) != 1)
        return 1;
    for (int i = 0; i < 400; i++)
        free(shrunk[i]);
    for (int i = 500; i < 1000; i++)
        grown[i] = grow();
    write(1, "grown\n", 6);
    for (;;)
        pause();
    return stayed[0] == grown[0];
}
PROGRAM
cc -g -O1 -fno-builtin -w step.c -o step || fail "step.c does not compile"
mkfifo go
start_step() {
    HAKMEM_PROFILE=${1:-1} HAKMEM_PROFILE_INTERVAL=1 LD_PRELOAD=$LIBRARY ./step >step.out <go &
    TARGET=$!
    disown
    STARTED+=("$TARGET")
    exec 9>go
    wait_for "step" grep -qs '^ready' step.out
}

# expect_step FILE WHAT: what is known of the change.
expect_step() {
    expect_narrow "$1" "$2"
    expect_in "$1" '^3\.9 MiB live, then 4\.6 MiB: \+700\.0 KiB$' "$2"
    expect_in "$1" '^    \+1\.5 MiB     1\.5 MiB     2\.9 MiB           \+500$' "$2"
    expect_in "$1" '^    grow step\.c:[0-9]+$' "$2"
    expect_in "$1" '^  -800\.0 KiB     2\.0 MiB     1\.2 MiB           -400$' "$2"
    expect_in "$1" '^    shrink step\.c:[0-9]+$' "$2"
    ! grep -q 'stay' "$1" || fail "$2: has what did not change: $(cat "$1")"
}

step "two files"
start_step
hakmem profile $TARGET -o before.pb.gz
env --default-signal=INT "$CLI" diff $TARGET --for 1h >moments 2>moments.err &
look=$!
wait_for "the first look" grep -qs 'looks again in 3600 s, or at Ctrl-C' moments.err
echo >&9
wait_for "the change" grep -qs '^grown' step.out
hakmem profile $TARGET -o after.pb.gz
hakmem diff before.pb.gz after.pb.gz
expect_status 0 "diff"
expect_step out "diff"
expect_in out '^before\.pb\.gz and after\.pb\.gz, [0-9.]+ s later$' "diff"
hakmem diff after.pb.gz before.pb.gz
expect_in out ' earlier$' "diff, the other way round"
expect_in out '^  \+800\.0 KiB     1\.2 MiB     2\.0 MiB           \+400$' "diff, the other way round"
hakmem diff before.pb.gz before.pb.gz
expect_in out '^nothing has changed$' "diff of a file with itself"
hakmem diff before.pb.gz after.pb.gz --allocated --top 1
expect_in out '^5\.1 MiB allocated since profiling began, then|^[0-9.]+ MiB allocated since profiling began, then' "--allocated"
! grep -q shrink out || fail "--allocated: $(cat out)"
hakmem diff before.pb.gz after.pb.gz --json
python3 - <<'PYTHON' || fail "--json: $(cat out)"
import json
data = json.load(open("out"))
assert (data["format"], data["figure"], data["interval_bytes"]) == (1, "live", 1)
assert data["bytes"]["change"] == 500 * 3072 - 400 * 2048
assert data["blocks"]["change"] == 100
sites = [(s["stack"][0]["function"], s["bytes"]["change"], s["blocks"]["change"]) for s in data["sites"]]
assert sites == [("grow", 500 * 3072, 500), ("shrink", -400 * 2048, -400)], sites
assert [f["function"] for f in data["sites"][0]["stack"]][:2] == ["grow", "main"]
PYTHON

step "one process at two moments"
kill -INT $look
wait $look || fail "diff --for: $(cat moments.err)"
expect_step moments "diff --for"
expect_in moments "^step \[$TARGET\], [0-9.]+ s later\$" "diff --for"
hakmem diff $TARGET --for 10ms --pinned --json
expect_status 0 "diff --for 10ms"
[[ $(number '["figure"]') == pinned ]] || fail "diff --for 10ms: $(cat out)"
exec 9>&-
kill -KILL $TARGET

step "a process that does not profile is asked to meanwhile"
start_step 0
env --default-signal=INT "$CLI" diff $TARGET --for 1h >moments 2>moments.err &
look=$!
wait_for "the request" grep -qs 'is idle: profiling begins when it next allocates' moments.err
echo >&9
wait_for "the change" grep -qs '^grown' step.out
kill -INT $look
wait $look || fail "diff of a process without a profile: $(cat moments.err)"
# the block with which it begins may not be known
expect_in moments '^ +\+1\.5 MiB +0 B +1\.5 MiB +\+(49[0-9]|500)$' "a process without a profile"
expect_in moments '^    grow step\.c:[0-9]+$' "a process without a profile"
! grep -q shrink moments || fail "a process without a profile: $(cat moments)"
expect_in moments.err '^hakmem diff: it was profiled for this time only: ' "a process without a profile"
exec 9>&-
kill -KILL $TARGET

step "files of others"
# pprof NAME: a profile that python writes, with unpacked numbers and fields that nobody knows.
python3 - <<'PYTHON'
import gzip
def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128]); value >>= 7
    return out + bytes([value])
def num(field, value): return number(field << 3) + number(value)
def msg(field, data): return number(field << 3 | 2) + number(len(data)) + data
def profile(values, kind="inuse_space"):
    strings = ["", "samples", "count", kind, "bytes", "outer", "in\tner\x1b", "x.go"]
    data = msg(1, num(1, 1) + num(2, 2)) + msg(1, num(1, 3) + num(2, 4))
    for value in values:  # stack: 7, 8
        data += msg(2, num(1, 7) + num(1, 8) + num(2, 1) + num(2, value) + num(99, 5))
    data += msg(2, num(1, 77) + msg(2, number(1) + number(5000)))  # no such location
    data += msg(4, num(1, 8) + num(3, 0x1234) + msg(4, num(1, 1) + num(2, 3)))
    data += msg(4, num(1, 7) + msg(4, num(1, 2) + num(2, 9)))
    data += msg(5, num(1, 2) + num(2, 6) + num(4, 7)) + msg(5, num(1, 1) + num(2, 5))
    for text in strings: data += msg(6, text.encode())
    return data + number(50 << 3 | 1) + bytes(8) + number(51 << 3 | 5) + bytes(4) + num(12, 524288)
def write(name, data): gzip.GzipFile(name, "wb", mtime=0).write(data)
write("one.pb.gz", profile([1000000]))
write("two.pb.gz", profile([1000000, 500000]))
write("cpu.pb.gz", profile([1], "cpu"))
open("plain.pb", "wb").write(profile([1]))
write("empty.pb.gz", b"")
write("noise.pb.gz", b"\xff" * 100)
write("text.pb.gz", b"this is a text, and no profile at all\n" * 10)
PYTHON
hakmem diff one.pb.gz two.pb.gz
expect_status 0 "a foreign file"
expect_in out '^one\.pb\.gz and two\.pb\.gz$' "a foreign file"
expect_in out '^sampled every 512\.0 KiB on average: a change of a few times that may be chance$' "a foreign file"
expect_in out '^  \+488\.3 KiB   976\.6 KiB     1\.4 MiB             \+0$' "a foreign file"
expect_in out '^    in\?ner\? x\.go:9$' "a foreign file"
expect_in out '^        outer$' "a foreign file"
if command -v go >/dev/null; then
    cat >heap.go <<'PROGRAM'
package main
import ("os"; "runtime"; "runtime/pprof")
var kept [][]byte
func keepMuch(n int) { for i := 0; i < n; i++ { kept = append(kept, make([]byte, 1<<20)) } }
func write(name string) { runtime.GC(); f, _ := os.Create(name); pprof.WriteHeapProfile(f); f.Close() }
func main() { runtime.MemProfileRate = 1; keepMuch(3); write("go1.pb.gz"); keepMuch(5); write("go2.pb.gz") }
PROGRAM
    if HOME=$SCRATCH GOFLAGS=-mod=mod GO111MODULE=off go run heap.go 2>go.err; then
        hakmem diff go1.pb.gz go2.pb.gz
        expect_status 0 "go's profiles"
        expect_in out '^    \+5\.0 MiB     3\.0 MiB     8\.0 MiB             \+[56]$' "go's profiles"
        expect_in out '^    main\.keepMuch .*heap\.go:4$' "go's profiles"
    fi
fi

step "what cannot be compared"
D="hakmem diff"
expect_line 1 "$D: 'cpu.pb.gz' has no 'inuse_space': it is another kind of profile" diff one.pb.gz cpu.pb.gz
expect_line 1 "$D: 'one.pb.gz' has no 'peak_space': it is another kind of profile" diff --peak one.pb.gz two.pb.gz
expect_line 1 "$D: 'one.pb.gz' is a profile (.pb.gz), and 'plain.pb' is none" diff one.pb.gz plain.pb
expect_line 1 "$D: 'one.pb.gz' is a profile (.pb.gz), and 'plain.pb' is none" diff plain.pb one.pb.gz
expect_line 1 "$D: cannot read 'nothing.pb.gz': No such file or directory" diff one.pb.gz nothing.pb.gz
expect_line 1 "$D: cannot read 'nothing.pb.gz': No such file or directory" diff nothing.pb.gz one.pb.gz
for name in empty noise text; do
    expect_line 1 "$D: '$name.pb.gz' is not a profile of pprof's form, or is damaged" diff one.pb.gz $name.pb.gz
done
expect_line 2 "$D: --peak is for profiles (.pb.gz), and 'a.json' is none" diff a.json b.json --peak
expect_line 2 "$D: no process given (see hakmem diff --help)" diff --for 1s
expect_line 2 "$D: '4' is one word too many: --for takes a process" diff --for 1s 3 4
expect_line 2 "$D: --for cannot be '0': expected a time from 1ms to 168h, such as 500ms, 60s, 5m or 1h" diff --for 0 3
expect_line 2 "$D: --top cannot be 'x': expected 1 to 1000000" diff --top x a b
expect_line 1 "$D: there is no process 99999999" diff --for 1s 99999999
size=$(stat -c %s before.pb.gz)
for ((length = 10; length < size; length += 1 + size / 40)); do
    head -c $length before.pb.gz >cut.pb.gz
    expect_line 1 "$D: 'cut.pb.gz' is cut short or damaged: it cannot be unpacked" diff after.pb.gz cut.pb.gz
done
step "a process that ends meanwhile"
start_step
env --default-signal=INT "$CLI" diff $TARGET --for 1h >moments 2>moments.err &
look=$!
wait_for "the first look" grep -qs 'looks again' moments.err
kill -KILL $TARGET
exec 9>&-
wait_for "its end" eval '! grep -qs "^State:[[:space:]]*[^Z]" /proc/$TARGET/status'
kill -INT $look
wait $look
[[ $? == 1 ]] || fail "a process that ends: $(cat moments.err)"
[[ $(tail -n 1 moments.err) == "$D: process $TARGET (step) has ended" ]] || fail "a process that ends: $(cat moments.err)"
