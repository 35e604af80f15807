# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem map`: a heap that is known; one of which 1 % is live, which is not shown
# as empty; one of many superslabs, which is folded so that the map stays short, and of which a range
# is shown in detail; ranges that are none.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

step "a heap that is known"
start_known_heap
hakmem map $TARGET
expect_status 0 "hakmem map"
expect_narrow out "hakmem map"
expect_in out "^a row is a superslab of 2.0 MiB, a letter a slab of 64.0 KiB: " "hakmem map"
expect_in out "^$(printf %012x $(($(address huge))))" "hakmem map"
expect_in out ' H{32} +100 % +100 %(  x [0-9]+)?$' "hakmem map"
expect_in out ' [tTpP]+A{5}[.-]+ ' "hakmem map"
hakmem map $TARGET --svg map.svg
expect_status 0 "hakmem map --svg"
cat >titles.py <<'PYTHON'
import xml.dom.minidom
svg = xml.dom.minidom.parse("map.svg").documentElement
titles = [node.firstChild.data for node in svg.getElementsByTagName("title")]
rects = svg.getElementsByTagName("rect")
texts = ["".join(part.data for part in node.childNodes) for node in svg.getElementsByTagName("text")]
PYTHON
cat titles.py - <<'PYTHON' | python3 - || fail "the SVG is not as it should be"
import sys
good = svg.tagName == "svg" and len(rects) > len(titles) > 0
good &= any(title.startswith("blocks of 208 bytes") for title in titles)
good &= titles.count("ACE span of 327680 bytes, 100 % live, 100 % resident") == 4
sys.exit(not good)
PYTHON

step "a range in a Huge block that begins before it"
kept=$(($(address kept)))
hakmem map $TARGET --range "$(printf '0x%x-%x' $((kept + (4 << 20))) $((kept + (5 << 20))))"
expect_status 0 "--range"
tail -n +8 out >rows
[[ $(cat rows) == "$(printf '%012x %s  100 %%  100 %%' $((kept + (4 << 20))) \
    HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH)" ]] || fail "--range: $(cat out)"

step "ranges that are none"
form="expected START-END in hexadecimal"
for range in x 10 10- -10 10-2x 0x-1 '1 -2' 10000000000000000-20000000000000000; do
    expect_line 2 "hakmem map: --range cannot be '$range': $form" map $TARGET --range "$range"
done
for range in 20-10 10-10; do
    expect_line 2 "hakmem map: --range cannot be '$range': it ends before it begins" \
        map $TARGET --range "$range"
done
hakmem map $TARGET --range 1000-2000 --svg none.svg
expect_status 1 "a range outside of the heap"
grep -Eqx "hakmem map: nothing of the range 1000-2000 is in the heap, which is [0-9a-f]+-[0-9a-f]+" \
    err || fail "a range outside of the heap: $(cat err)"
[[ ! -e none.svg ]] || fail "a range outside of the heap leaves a file"
hakmem map $TARGET --range "$(sed 's/.*which is //' err)"
expect_status 0 "the range of the whole heap"
kill -KILL $TARGET

cat >sparse.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 40000

/* Blocks of 1 KiB, of which each 97th stays in the first half, and each 997th in the second. */
int main(void)
{
    static void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = memset(malloc(1024), 1, 1024);
    for (int i = 0; i < BLOCKS; i++)
        if (i % (i < BLOCKS / 2 ? 97 : 997) != 0)
            free(blocks[i]);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
C
cc -O1 -fno-builtin sparse.c -o sparse || fail "sparse.c does not compile"

step "little that is live is not nothing; rows that print alike are printed once"
HAKMEM_DECAY_MS=-1 HAKMEM_BACKGROUND=0 start heap ./sparse
wait_for "sparse" grep -qs '^ready' heap
hakmem map $TARGET
expect_status 0 "a sparse heap"
expect_in out '^x 3: three rows like this$' "a sparse heap"
expect_in out '^live: in blocks, which count whole, resident or not' "a sparse heap"
# 1 of 97 is 1.03 %, 1 of 997 is 0.1 %
expect_in out ' [t-]+ +1 % +[0-9]+ %' "a sparse heap"
expect_in out ' [t-]+ +<1 % +[0-9]+ %' "a sparse heap"
! grep -E ' [-.]*t[t.-]* +0 %' out || fail "a row with live blocks has 0 %"
[[ -z $(sed -E '1,/^address/d; s/^.{13}//; s/  x [0-9]+$//' out | uniq -d) ]] ||
    fail "rows that print alike: $(cat out)"
hakmem map $TARGET --svg map.svg
expect_in map.svg '>1 % live, [0-9]+ % resident<' "the picture of a sparse heap"
expect_in map.svg '>&lt;1 % live, ' "the picture of a sparse heap"
kill -KILL $TARGET

step "many superslabs: few rows, which add up"
cc -O1 -fno-builtin "$SOURCE/tests/cli/programs/wide_heap.c" -o wide_heap ||
    fail "wide_heap.c does not compile"
HAKMEM_DECAY_MS=-1 HAKMEM_BACKGROUND=0 HAKMEM_SS_PREFAULT=0 HAKMEM_HUGE_PAGES=off \
    start heap ./wide_heap
wait_for "wide_heap" grep -qs '^ready' heap
hakmem stats $TARGET --json
cp out stats.json
hakmem map $TARGET
expect_status 0 "a folded map"
expect_narrow out "a folded map"
expect_in out "^a row is [0-9.]+ MiB, a letter [0-9.]+ KiB: " "a folded map"
expect_in out "--range START-END" "a folded map"
cat >rows.py <<'PYTHON'
import json, re
unit = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
text = open("out").read()
size = re.search(r"^a row is (?:a superslab of )?([0-9.]+) (.iB)", text, re.M)
row_bytes = float(size[1]) * unit[size[2]]
rows = [(int(r[0], 16), r[1], int(r[2]), int(r[4] or 1))
        for r in re.findall(r"^([0-9a-f]{12}) (\S{32}) +<?(\d+) % +<?(\d+) %(?:  x (\d+))?$", text, re.M)]
live = sum(r[2] / 100 * r[3] * row_bytes for r in rows)
whole = all(a[0] + a[3] * row_bytes == b[0] for a, b in zip(rows, rows[1:]))
PYTHON
cat rows.py - <<'PYTHON' | python3 - || fail "a folded map: $(cat out)"
classes = json.load(open("stats.json"))["classes"]
known = sum(c["live_blocks"] * c["size"] for c in classes)
all_bytes = sum(r[3] for r in rows) * row_bytes
print(len(rows), "rows,", live / 2**20, "MiB live of", known / 2**20)
assert whole and 16 <= len(rows) <= 64
assert abs(live - known) < 0.003 * all_bytes  # the percentage of each row is rounded
assert any(set(r[1]) == {"p", "P"} for r in rows)
PYTHON

step "a row of it in detail"
read -r first _ < <(grep -E '^[0-9a-f]{12} [pP]{32}' out)
hakmem map $TARGET --range "$first-$(printf %x $((0x$first + (64 << 20))))"
expect_status 0 "a row in detail"
expect_in out "^a row is a superslab of 2.0 MiB" "a row in detail"
cat rows.py - <<'PYTHON' | python3 - "$first" || fail "a row in detail: $(cat out)"
import sys
assert whole and rows[0][0] == int(sys.argv[1], 16) and sum(r[3] for r in rows) == 32
PYTHON

step "its picture"
hakmem map $TARGET --svg map.svg
expect_status 0 "a folded map --svg"
cat titles.py - <<'PYTHON' | python3 - || fail "a folded SVG: $(head -c 3000 map.svg)"
assert len(rects) <= 64 * (32 * 4 + 1) + 8, len(rects)
assert any(title.startswith("blocks of 8192 bytes, ") for title in titles)
assert any("the main use" in text for text in texts)
PYTHON
