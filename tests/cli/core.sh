# SPDX-License-Identifier: MIT
#
# Owns the check of the verbs on core files: of the kernel and of gdb, whole and cut short, of
# another build, of a program without HAKMEM.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
command -v gcore >/dev/null || { echo "SKIP: no gcore"; exit 77; }

# expect_known FILE: every verb tells the known heap from this core.
expect_known() {
    local core=$1
    hakmem stats --core "$core" --json
    expect_status 0 "hakmem stats --core $core"
    [[ $(number '["lanes"][3]["live_blocks"]') == 2 && $(number '["core"]') == True ]] ||
        fail "$core: not two Huge blocks"
    [[ $(number '["implausible"]') == 0 ]] || fail "$core: implausible"
    [[ $(number '["program"]') == known_heap ]] || fail "$core: of $(number '["program"]')"
    [[ $(python3 -c 'import json
data = json.load(open("out"))
print([c["live_blocks"] for c in data["classes"] if c["size"] == 208])') == "[500]" ]] ||
        fail "$core: not 500 blocks of class 208"
    hakmem stats --core "$core"
    expect_in out '^= live blocks +15\.[0-9] MiB' "stats --core $core"
    expect_narrow out "stats --core"
    hakmem stats --core "$core" --metrics
    expect_in out '^# EOF$' "stats --core --metrics"
    hakmem why --core "$core" "$(address live)"
    expect_in out ': live$' "why --core $core"
    expect_in out 'block .* 208 bytes, Tiny lane' "why --core $core"
    hakmem why --core "$core" "$(address cached)"
    expect_in out ": free in a thread cache" "why --core $core"
    hakmem map --core "$core"
    expect_in out ' H{32} +100 % +100 %' "map --core $core"
    hakmem map --core "$core" --svg core.svg
    expect_status 0 "map --core --svg"
}

step "a core that gdb writes"
start_known_heap
gcore -o gdb $TARGET >/dev/null 2>&1 || { echo "SKIP: gcore cannot write a core"; exit 77; }
mv gdb.$TARGET gdb.core
expect_known gdb.core

step "its free superslabs are left out"
(($(stat -c %s gdb.core) < 200 << 20)) || fail "a core of $(stat -c %s gdb.core) bytes"

step "a core without its files"
mv known_heap elsewhere
hakmem stats --core gdb.core
expect_status 0 "stats --core without the executable"
mv elsewhere known_heap

step "a core that is cut short"
size=$(stat -c %s gdb.core)
head -c $((size / 2)) gdb.core >short.core
hakmem stats --core short.core
expect_status 1 "a core that is cut short"
expect_in err "^hakmem stats: 'short.core' is cut short: its last [0-9.]+ [KM]iB are missing\$" \
    "a core that is cut short"
for part in 0 10 64 100 5000; do
    head -c $part gdb.core >short.core
    timeout "$HANG" "$CLI" why --core short.core 0x10 >out 2>err
    [[ $? == 1 && $(wc -l <err) == 1 ]] || fail "$part bytes of a core: $(cat err)"
    expect_in err "'short.core' is (not a core file|cut short)" "$part bytes of a core"
done

step "a core whose memory ends just below the last address"
python3 - <<'PYTHON'
import struct
head = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
head += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
for offset, start in (4096, 0x10000), (8192, 0xffffffffffffe000):
    head += struct.pack("<IIQQQQQQ", 1, 6, offset, start, 0, 4096, 4096, 4096)
open("high.core", "wb").write(head + bytes(4096 - len(head)) + b"x" * 8192)
PYTHON
timeout "$HANG" "$CLI" stats --core high.core >out 2>err
[[ $? == 1 && $(wc -l <err) == 1 ]] || fail "a core that ends below the last address: $(cat err)"

step "a core whose bytes are not to be trusted"
python3 - <<'PYTHON'
import random
data = bytearray(open("gdb.core", "rb").read())
random.seed(1)
for number in range(6):
    copy = bytearray(data)
    for i in range(2000 * 4 ** number):
        at = random.randrange(1 << 16, len(copy))
        copy[at] = random.randrange(256)
    open(f"bad.{number}", "wb").write(copy)
PYTHON
for file in bad.*; do
    for words in "stats --json" map "why"; do
        # shellcheck disable=SC2086
        timeout "$HANG" "$CLI" $words --core $file $([[ $words != why ]] || address live) >out 2>err
        status=$?
        ((status <= 1)) || fail "$words on $file: status $status: $(cat err)"
    done
done

step "a list that goes in a circle"
cat >circle.gdb <<'GDB'
set confirm off
set var heaps.live->next = heaps.live
generate-core-file circle.core
kill
GDB
gdb -batch -p $TARGET -x circle.gdb >gdb.out 2>&1
if [[ -s circle.core ]] && ! grep -q 'No symbol' gdb.out; then
    timeout "$HANG" "$CLI" stats --core circle.core >out 2>err || fail "a circle: status $?, $(cat err)"
    expect_in out "^left out, since it changed while it was read: 1 thing$" "a circle"
else
    echo "gdb cannot plant it: $(tail -n 1 gdb.out)"
fi

step "a core of another build"
python3 - <<'PYTHON'
data = bytearray(open("gdb.core", "rb").read())
magic = b"\x89HAKMEM-ROOT\r\n\x1a\0"
at, roots = -1, 0
while (at := data.find(magic, at + 1)) >= 0:
    data[at + 52] ^= 1  # the first number of the layout
    roots += 1
assert roots >= 1
open("other.core", "wb").write(data)
PYTHON
version=$("$CLI" --version | cut -d' ' -f2)
expect_line 1 "hakmem stats: 'other.core': its HAKMEM ($version) is not of this command's\
 build ($version): use the hakmem that came with it" stats --core other.core

step "what is no core, or has no HAKMEM"
kind="is not a core file: expected one from the kernel or gcore, not packed"
mkfifo pipe
timeout "$HANG" "$CLI" stats --core pipe >out 2>err
[[ $? == 1 && $(cat err) == "hakmem stats: 'pipe' $kind" ]] || fail "a pipe: $(cat err)"
expect_line 1 "hakmem stats: cannot read 'nowhere': No such file or directory" stats --core nowhere
expect_line 1 "hakmem map: '/dev/null' $kind" map --core /dev/null
expect_line 1 "hakmem map: './known_heap' $kind" map --core ./known_heap
sleep 99 &
other=$!
STARTED+=("$other")
disown
gcore -o plain $other >/dev/null 2>&1
expect_line 1 "hakmem stats: 'plain.$other': no HAKMEM in it: libhakmem is neither loaded nor linked: start the program \
with hakmem run, or with libhakmem.so in LD_PRELOAD" \
    stats --core plain.$other

step "a core that the kernel writes"
[[ $(cat /proc/sys/kernel/core_pattern) == core ]] || { echo "it goes elsewhere here"; exit 0; }
mkdir crash
(
    ulimit -c unlimited
    cd crash || exit 1
    HAKMEM_DECAY_MS=-1 LD_PRELOAD=$LIBRARY ../known_heap crash >../heap 2>/dev/null
)
core=$(echo crash/core*)
[[ -s $core ]] || { echo "the kernel writes none here"; exit 0; }
expect_known "$core"
