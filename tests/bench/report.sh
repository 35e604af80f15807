# SPDX-License-Identifier: MIT
#
# Owns the check of bench/report.py: the page of tests/bench/raw.csv, whose figures are known, by
# its text and in a browser; and that bad input ends in one line. In raw.csv an allocator fails in
# one of the three cases, and one is a real program, which tells neither operations nor final RSS.

set -u
SOURCE=$(realpath "$(dirname "$0")/../..")
RAW=$SOURCE/tests/bench/raw.csv
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cd "$SCRATCH" || exit 1
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

step() {
    echo "== $*"
}

source "$SOURCE/tests/cli/browser.bash"

# expect_line STATUS LINE WORDS...: the words give this one line on standard error, nothing else.
expect_line() {
    local status=$1 line=$2 got
    shift 2
    "$SOURCE/bench/report.py" "$@" >out 2>err
    got=$?
    [[ $got == "$status" ]] || fail "report.py $*: exit status $got, not $status ($(tail -n 1 err))"
    [[ ! -s out ]] || fail "report.py $*: wrote to standard output: $(head -n 1 out)"
    [[ $(cat err; echo .) == "$line"$'\n'. ]] ||
        fail "report.py $*: expected the line '$line', got '$(cat err)'"
}

# What is in the page of raw.csv, and in the document that a browser makes of it.
expect_page() {
    expect_count 3 '<section class="case" id="case-' "$1"
    # 3 in the summary; 6 in a case, less the operations of the real program
    expect_count 20 '<svg role="img"' "$1"
    # the means, where ours is behind, 3 for all cases, and one in each case
    expect_count 8 '<table>' "$1"
    expect_count 8 '<caption>' "$1"
    expect_count 1 '<h1>' "$1"
    expect_count 5 '<h2>' "$1"
    expect_count 1 '<p class="failed">&lt;b&gt;&amp;tcmalloc failed: 2 of 6 runs are there;' "$1"
    expect_count 3 '<td>failed</td>' "$1"
    expect_count 1 '<h2>churn 1000 &lt;i&gt; 64K</h2>' "$1"
    expect_count 1 'below 1 ours is ahead. Figures' "$1"
    expect_count 1 'less than glibc and <b>10&nbsp;%</b> less than mimalloc. The' "$1"
    expect_count 1 'in <a href="#behind">1 of 3 cases</a>.</p>' "$1"
    expect_count 1 '<h3 id="behind">' "$1"
    # behind in time: glibc in startup
    expect_count 1 '>1 of 3 cases are behind the best by more than 3 % in wall time<' "$1"
    expect_count 1 '">startup</a></th><td>glibc</td><td class="b2">▲ 1.25<small>1.25..1.25<' "$1"
    # no case is one of a heap that grows
    expect_count 5 '<span class="verdict">' "$1"
    expect_count 1 '<span class="verdict">✗ missed</span><strong>0.899</strong>time' "$1"
    expect_count 1 '<strong>1.342 (&lt;b&gt;&amp;tcmalloc)</strong>peak RSS' "$1"
    expect_count 2 '<span class="verdict">–</span><strong>not measured</strong>' "$1"
    expect_count 1 '<td class="a2">▼ 0.80<small>0.75..0.80</small></td>' "$1"
    expect_count 1 '<td class="b3">▲ 2.00<small>2.00..2.00</small></td>' "$1"
}

step "a page"
"$SOURCE/bench/report.py" "$RAW" page.html >out 2>err || fail "exit status $?: $(cat err)"
[[ ! -s out && ! -s err ]] || fail "it printed: $(cat out err)"
expect_page page.html
expect_count 0 '<script' page.html
! grep -Eiq '(src|href)="[^#]|url\(|@import|https?:' page.html || fail "it names something outside"
echo "A CPU <&>, 3 CPUs, Linux 9.9, 3 repetitions" >text
"$SOURCE/bench/report.py" "$RAW" text.html --text text || fail "--text: exit status $?"
expect_count 1 '<dd>A CPU &lt;&amp;&gt;, 3 CPUs, Linux 9.9, 3 repetitions</dd>' text.html
grep -v ',ours,' "$RAW" >no_ours.csv
grep -E '^(#|workload|.*,ours,)' "$RAW" >alone.csv
"$SOURCE/bench/report.py" alone.csv alone.html || fail "no peer: exit status $?"
expect_count 1 'There is no peer to compare with.' alone.html
expect_count 1 'No run of glibc, mimalloc, &lt;b&gt;&amp;tcmalloc: it failed' alone.html
head -n 4 "$RAW" >interrupted.csv
grep -m 1 ',ours,' "$RAW" >>interrupted.csv
"$SOURCE/bench/report.py" interrupted.csv interrupted.html || fail "one round: exit status $?"

step "the summary that run.py prints"
python3 - "$SOURCE/bench" "$RAW" >summary 2>err <<'PYTHON' || fail "no summary: $(tail -n 1 err)"
import sys
sys.path.insert(0, sys.argv[1])
import raw_runs, run
results = raw_runs.read(sys.argv[2], run.OURS)
run.print_summary(results.cases, results.allocators)
PYTHON
expect_count 1 'behind the best by more than 3 %: 1 of 3 cases' summary
grep -Eqx '  startup +glibc +1\.25  1\.25\.\.1\.25' summary || fail "who is behind: $(cat summary)"
grep -Eqx 'mimalloc +0\.90 +0\.89 +1\.11 +0\.90 +3' summary || fail "the means: $(cat summary)"
grep -Eqx '  time, geometric mean, .* 0\.85 +0\.899 +missed' summary || fail "goals: $(cat summary)"
grep -Eqx '  peak RSS, geometric mean, .* 1\.00 +1\.342 .* +missed' summary ||
    fail "goals: $(cat summary)"

step "bad input: one line"
expect_line 2 "report.py: the following arguments are required: RAW_CSV, OUTPUT_HTML"
expect_line 2 "report.py: the following arguments are required: OUTPUT_HTML" "$RAW"
expect_line 2 "report.py: unrecognized arguments: more" "$RAW" bad.html more
expect_line 2 "report.py: none.csv: No such file or directory" none.csv bad.html
expect_line 2 "report.py: .: Is a directory" . bad.html
expect_line 2 "report.py: none: No such file or directory" "$RAW" bad.html --text none
: >empty.csv
expect_line 1 "report.py: empty.csv: there is no run in it" empty.csv bad.html
head -n 2 "$RAW" >empty.csv
expect_line 1 "report.py: empty.csv: there is no run in it" empty.csv bad.html
sed 2s/wall_s/seconds/ "$RAW" >columns.csv
expect_line 1 "report.py: columns.csv: not the columns that bench/run.py writes" \
    columns.csv bad.html
sed '4s/,0.125000/,fast/' "$RAW" >word.csv
expect_line 1 "report.py: word.csv: run 2: wall_s is no number from 0: 'fast'" word.csv bad.html
sed '4s/,0.125000/,-1/' "$RAW" >less.csv
expect_line 1 "report.py: less.csv: run 2: wall_s is no number from 0: '-1'" less.csv bad.html
sed '3s/,0,0,/,x,0,/' "$RAW" >place.csv
expect_line 1 "report.py: place.csv: run 1: repetition is no whole number: 'x'" place.csv bad.html
sed '$s/,[^,]*$//' "$RAW" >cut.csv
expect_line 1 "report.py: cut.csv: run $(($(wc -l <"$RAW") - 2)): 13 columns, not 14" \
    cut.csv bad.html
printf '\xff\xfe\x00' >binary.csv
expect_line 1 "report.py: binary.csv: no text: 'utf-8' codec can't decode byte 0xff in position 0: \
invalid start byte" binary.csv bad.html
expect_line 1 "report.py: no_ours.csv: no run of 'ours' in it" no_ours.csv bad.html
[[ ! -e bad.html ]] || fail "bad input left a page behind"
expect_line 1 "report.py: none/page.html: No such file or directory" "$RAW" none/page.html
expect_line 1 "report.py: /dev/full: No space left on device" "$RAW" /dev/full

if ! command -v chromium >/dev/null; then
    echo "SKIP: no chromium here, so the page was not seen in a browser"
    exit 0
fi

# The first pixel of a PNG, which is stored as it is.
first_pixel() {
    python3 - "$1" <<'PYTHON'
import sys, zlib
data, at, packed = open(sys.argv[1], "rb").read(), 8, b""
while at < len(data):
    size = int.from_bytes(data[at:at + 4], "big")
    if data[at + 4:at + 8] == b"IDAT":
        packed += data[at + 8:at + 8 + size]
    at += size + 12
print(zlib.decompress(packed)[1:4].hex())
PYTHON
}

step "the document that a browser makes of it"
browse 1 --dump-dom "file://$SCRATCH/page.html" >dom
expect_page dom

# A window is never narrower than 500: the phone is a frame, whose page tells its width.
step "the width of a phone, light and dark"
cat page.html - >phone.html <<'HTML'
<script>
addEventListener("load", () => parent.postMessage([innerWidth,
    document.documentElement.scrollWidth, matchMedia("(prefers-color-scheme: dark)").matches,
    [...document.querySelectorAll(".scroll")].some(box => box.scrollWidth > box.clientWidth)
].join(" "), "*"));
</script>
HTML
cat >frame.html <<'HTML'
<!DOCTYPE html><title>waiting</title><p></p>
<script>addEventListener("message", event => { document.title = event.data; });</script>
<iframe src="phone.html" style="width: 390px; height: 800px; border: 0"></iframe>
HTML
for light in 1 0; do
    browse $light --dump-dom "file://$SCRATCH/frame.html" >dom
    dark=$([[ $light == 1 ]] && echo false || echo true)
    # the width of the frame, of the page in it, dark or not, and a table that scrolls by itself
    expect_count 1 "<title>390 390 $dark true</title>" dom
    browse $light --window-size=1280,900 --screenshot="$SCRATCH/$light.png" \
        "file://$SCRATCH/page.html" >out
done
light=$(first_pixel 1.png)
dark=$(first_pixel 0.png)
[[ $light == faf9f6 && $dark == 131418 ]] || fail "the light page is #$light, the dark one #$dark"
