# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem snapshot` and `hakmem diff`: a heap before and after a known change; a
# file with itself; files that are no snapshots.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }

cat >step.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *written(size_t size)
{
    return memset(malloc(size), 1, size);
}
static char *blocks[50000];
int main(void)
{
    char line[8];
    for (int i = 0; i < 50000; i++)
        blocks[i] = written(200);
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 1;
    for (int i = 0; i < 50000; i += 2)
        free(blocks[i]);
    for (int i = 0; i < 3000; i++)
        written(1000);
    written(9 << 20);
    puts("changed");
    fflush(stdout);
    return !fgets(line, sizeof line, stdin);
}
C
cc -O1 -fno-builtin step.c -o step || fail "step.c does not compile"
mkfifo words
LD_PRELOAD=$LIBRARY ./step <words >lines 2>/dev/null &
TARGET=$!
disown
STARTED+=("$TARGET")
exec 9>words
wait_for "step" grep -qs ready lines

step "a snapshot is what stats --json prints"
hakmem snapshot $TARGET -o before.json
expect_status 0 "hakmem snapshot"
[[ ! -s out && ! -s err ]] || fail "hakmem snapshot says something: $(cat out err)"
hakmem stats $TARGET --json
cmp -s <(grep -v '^"at"' before.json) <(grep -v '^"at"' out) || fail "it is not: $(diff before.json out)"
echo >&9
wait_for "the change" grep -qs changed lines
hakmem snapshot --output after.json $TARGET
expect_status 0 "hakmem snapshot"

step "what changed"
hakmem diff before.json after.json
expect_status 0 "hakmem diff"
expect_narrow out "hakmem diff"
expect_in out "^step \[$TARGET\], [0-9.]+ s later\$" "hakmem diff"
expect_in out '^RSS +[0-9.]+ MiB +[0-9.]+ MiB +\+[0-9.]+ MiB$' "hakmem diff"
expect_in out '^live blocks +[0-9.]+ MiB +[0-9.]+ MiB +\+[67]\.[0-9] MiB$' "hakmem diff"
expect_in out '^1024 +3000 +\+3000 +2\.9 MiB +\+2\.9 MiB ' "hakmem diff"
expect_in out '^208 +25000 +-25000 +5\.0 MiB +-5\.0 MiB +\+[45]\.[0-9] MiB$' "hakmem diff"
expect_in out '^Huge +1 +\+1 +9\.0 MiB +\+9\.0 MiB +0 B$' "hakmem diff"
hakmem diff before.json after.json --json
expect_status 0 "hakmem diff --json"
python3 - <<'PYTHON' || fail "the JSON of hakmem diff is not as it should be: $(cat out)"
import json, sys
data = json.load(open("out"))
rows = {row["name"]: row for row in data["classes"]}
good = rows["208"]["live_blocks"] == {"before": 50000, "after": 25000, "change": -25000}
good &= rows["1024"]["live_bytes"]["change"] == 3000 * 1024
terms = [abs(term["bytes"]["change"]) for term in data["terms"]]
good &= terms == sorted(terms, reverse=True) and 0 not in terms
rss = data["after"]["rss_bytes"] - data["before"]["rss_bytes"]
good &= sum(term["bytes"]["change"] for term in data["terms"]) == rss
sys.exit(not good)
PYTHON
hakmem diff after.json before.json
expect_in out "^step \[$TARGET\], [0-9.]+ s earlier\$" "hakmem diff, the other way round"
hakmem diff before.json before.json
expect_status 0 "hakmem diff of a file with itself"
expect_in out '^nothing has changed$' "hakmem diff of a file with itself"

step "bad input: one line"
D="hakmem diff"
expect_line 1 "$D: cannot read 'nothing.json': No such file or directory" diff nothing.json after.json
expect_line 1 "$D: cannot read '.': Is a directory" diff before.json .
for text in '' '[1, 2' 'no JSON' '{"a":1}' '{"format":2}}' "$(printf '[%.0s' {1..99})"; do
    printf %s "$text" >other.json
    expect_line 1 "$D: 'other.json' is not a snapshot: expected a file of hakmem snapshot" \
        diff before.json other.json
done
printf '{"format":2}' >other.json
expect_line 1 "$D: 'other.json' is not a snapshot: it lacks the terms that add up to the RSS" \
    diff other.json after.json
sed 's/^"format":2/"format":7/' before.json >other.json
expect_line 1 "$D: 'other.json' is of format 7: this hakmem reads format 2" diff before.json other.json
size=$(stat -c %s before.json)
for ((cut = 60; cut < size - 2; cut += 1 + size / 50)); do
    head -c $cut before.json >other.json
    expect_line 1 "$D: 'other.json' is cut short: it is not a whole snapshot" diff other.json after.json
done
while read -r path value; do
    sed -E "s/^(\"terms\":\{)?\"${path#*.}\":[0-9.]+/\\1\"${path#*.}\":$value/" before.json >other.json
    expect_line 1 "$D: 'other.json' is damaged: its '$path' is not a number that hakmem writes" \
        diff before.json other.json
done <<'NUMBERS'
pid -77
pid 1e5
rss_bytes -5
rss_bytes "5"
rss_bytes 9999999999999999999
terms.live 0.5
at -1
at 1e300
NUMBERS

step "a core knows neither the RSS nor the memory of others"
sed 's/^"core":false/"core":true/; s/^"rss_bytes":[0-9]*/"rss_bytes":0/; /^"at":/d' after.json >core.json
hakmem diff before.json core.json
expect_status 0 "hakmem diff with a core"
expect_in out '^A core file does not tell the RSS, nor the memory of others: left out\.$' "with a core"
expect_in out '^live blocks ' "with a core"
! grep -Eq '^(RSS|memory of others) ' out || fail "a core's RSS: $(cat out)"
hakmem diff before.json core.json --json
python3 - <<'PYTHON' || fail "the JSON of hakmem diff with a core: $(cat out)"
import json, sys
data = json.load(open("out"))
good = data["after"]["core"] and not data["before"]["core"] and "rss_bytes" not in data["after"]
sys.exit(not good or "others" in [term["name"] for term in data["terms"]])
PYTHON
expect_line 2 "$D: no files given (see hakmem diff --help)" diff
expect_line 2 "$D: no second file given (see hakmem diff --help)" diff a
expect_line 2 "$D: 'c' is one word too many" diff a b c
expect_line 2 "hakmem snapshot: no file given: -o FILE (see hakmem snapshot --help)" snapshot $TARGET
expect_line 2 "hakmem snapshot: cannot write 'no/where': No such file or directory" \
    snapshot $TARGET -o no/where
expect_line 1 "hakmem snapshot: there is no process 99999999" snapshot 99999999 -o other2.json
[[ ! -e other2.json ]] || fail "a snapshot of nothing was left behind"
