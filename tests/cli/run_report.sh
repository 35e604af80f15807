# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem run --report`: what is wrong gives one line before the program runs, the
# program keeps its status, the page has the figures of a heap that is known, and a browser shows it.
# The programs hold still until they have been looked at: they wait for a number of looks' time, and
# nothing is measured in it. The advice is tests/cli/advice.sh's.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/browser.bash"
[[ -f $(dirname "$CLI")/libhakmem.so ]] || { echo "SKIP: no libhakmem.so"; exit 77; }
command -v cc >/dev/null || { echo "SKIP: no C compiler"; exit 77; }

step "bad input: one line, and nothing runs"
expect_line 2 "hakmem run: no program given (see hakmem run --help)" run --report page.html
expect_line 2 "hakmem run: '--report' needs a value (see hakmem run --help)" run --report
expect_line 2 "hakmem run: cannot write 'none/page.html': No such file or directory" \
    run --report none/page.html touch ran
expect_line 2 "hakmem run: cannot write '.': Is a directory" run --report . touch ran
expect_line 127 "hakmem run: 'no-such-program': no such program" run --report page.html \
    no-such-program
[[ ! -e ran && ! -e page.html ]] || fail "bad input left something behind"
expect_no_leftovers "bad input"

cat >work.c <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "looks.h"

#define MIB ((size_t)1 << 20)

static void *touched(size_t size)
{
    char *block = malloc(size);
    return memset(block, 1, size);
}

static pthread_barrier_t is_idle;

static void *idle(void *unused)
{
    free(touched(100));
    pthread_barrier_wait(&is_idle);
    pause();
    return unused;
}

/* A heap that is known: three threads, 50,000 blocks of 100 bytes, one of 40 MiB. The threads come
 * first: a peak that was seen once all of the memory was there is kept for as long again. */
static int known(void)
{
    pthread_t thread;
    pthread_barrier_init(&is_idle, NULL, 3);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread, NULL, idle, NULL);
    pthread_barrier_wait(&is_idle);
    wait_for_looks(3);
    for (int i = 0; i < 50000; i++)
        touched(100);
    touched(40 * MIB);
    wait_for_looks(10);
    return 7;
}

int main(int argc, char **argv)
{
    int status = known();
    if (argc > 1 && strcmp(argv[1], "killed") == 0)
        raise(SIGKILL);
    return status;
}
C
cc -I "$SOURCE/tests/cli/programs" -O1 -fno-builtin -pthread work.c -o work || fail "work.c"

expect_page() {
    expect_count 1 "<h1>A program's memory</h1>" "$1"
    ! grep 'Its heap was never seen' "$1" || fail "$1 has no heap"
    expect_count 8 '<section id="' "$1"
    expect_count 1 '<p class="answer">At the peak, ' "$1"
    expect_count 1 'aria-label="Resident memory over time"' "$1"
    # eight terms, and the line of the RSS
    expect_count 8 '<path class="t' "$1"
    expect_count 1 '<path class="line"' "$1"
    expect_count 1 'aria-label="Page faults over time"' "$1"
    expect_count 1 'aria-label="Threads over time"' "$1"
    expect_count 1 'role="img" aria-label="Size classes"' "$1"
    expect_count 1 'role="img" aria-label="Operations by size class"' "$1"
    expect_count 6 '<table>' "$1"
    expect_count 1 '<table class="stacks">' "$1"
    (($(grep -c 'aria-label="addresses from ' "$1") >= 3)) || fail "$1: the map is missing"
}

# number PATTERN: the only number that the page has where the pattern has a group.
number() {
    local got
    got=$(sed -nE "s|.*$1.*|\1|p" page.html)
    [[ $got =~ ^[0-9.]+$ ]] || fail "no number like $1: '$got'"
    echo "$got"
}

# expect_number LEAST MOST PATTERN
expect_number() {
    local got
    got=$(number "$3") || exit 1
    awk -v a="$1" -v b="$got" -v c="$2" 'BEGIN { exit !(a <= b && b <= c) }' ||
        fail "$3: $got is not from $1 to $2"
}

step "a heap that is known"
hakmem run --report page.html --set DECAY_MS=5000 --set PROFILE_INTERVAL=16K -- ./work known '<i>&' $'\xc2\x9b\xe2\x81\xa6'
expect_status 7 "the program's status"
expect_narrow err "the text"
awk '/^resident / { all = $2; unit = $3 } /^[=+] / { rows++; sum += $(NF - 1) }
    END { exit !(rows == 8 && unit == "MiB" && all > 44 && sum > 99.5 && sum < 100.5) }' err ||
    fail "the text does not divide the RSS at exit into the terms of stats: $(cat err)"
expect_in err '^ended +exit status 7$' "the usual report"
expect_in err '^hakmem run: the report is in page.html$' "where the page is"
[[ ! -s out ]] || fail "something on standard output: $(cat out)"
expect_no_leftovers "hakmem run --report"
expect_page page.html
expect_self_contained page.html
expect_count 1 "./work known '&lt;i&gt;&amp;' '??'" page.html
expect_count 1 '<dd>exit status 7</dd>' page.html
expect_number 50000 50100 '<tr><th scope="row">112</th><td>([0-9]+)</td>.*'
expect_number 1 1 '<tr><th scope="row">Huge</th><td>([0-9]+)</td>.*'
expect_number 40 41 '<tr><th scope="row">Huge</th><td>[0-9]+</td><td>([0-9.]+) MiB</td>.*'
# 50,000 times 112 bytes, and 40 MiB
expect_number 44 47 '<tr><th scope="row">live blocks</th><td>([0-9.]+) MiB</td>.*'
expect_number 45 60 '<tr><th scope="row"><b>RSS</b></th><td><b>([0-9.]+) MiB</b>.*'
# each of the 50,000 passed a cache once, 5.3 MiB of them live; the Huge block passed none
operations() {
    sed -n '/id="operations"/,/<\/section>/p' page.html
}
operations | grep -Eq '<th scope="row">112</th><td>5\.[0-9] MiB</td><td>50[0-9]{3}</td><td>' ||
    fail "operations of class 112: $(operations | grep '>112<')"
operations | grep -Eq '<th scope="row">Huge</th><td>40\.0 MiB</td><td>1</td><td>0</td>' ||
    fail "operations of Huge: $(operations | grep '>Huge<')"
expect_count 0 'All calls of the program' page.html
expect_count 1 'lower bound of the calls' page.html
expect_count 1 '<th scope="row">HAKMEM_DECAY_MS</th><td class="best">5000</td>' page.html
expect_count 1 '<th scope="row">HAKMEM_SS_PREFAULT</th><td>auto</td>' page.html
[[ $(grep -Ec '<tr><th scope="row">[0-9]+</th><td>work</td>' page.html) == 3 ]] ||
    fail "not three threads: $(grep '<td>work</td>' page.html)"
# the terms add up to the RSS, within 2 % at the peak
python3 - <<'PYTHON' || fail "the terms do not add up"
import re
unit = {"B": 1, "KiB": 1024, "MiB": 1 << 20}
text = open("page.html").read()
table = text[text.index("The terms at the peak</caption>"):]
table = table[:table.index("</table>")]
rows = re.findall(r'row">(?:<b>)?([^<]+)(?:</b>)?</th><td>(?:<b>)?([0-9.]+) (\w+)', table)
assert len(rows) == 9, rows
sizes = [float(number) * unit[word] for _, number, word in rows]
assert abs(sum(sizes[:8]) - sizes[8]) <= 0.02 * sizes[8], rows
PYTHON

# no figure of the first words is without its mark, which keeps its unit on its line
! sed 's|<span class="nb">[^<]*</span>||g' page.html | grep -E 'class="answer".*[0-9] ([KM]?i?B|s)\b' ||
    fail "a figure and its unit may be on two lines"
# each step has a width: what a path goes up to, it goes along, the last one too
python3 - <<'PYTHON' || fail "a step without a width: $(grep 'class="area"' page.html)"
import re
paths = re.findall(r'class="area" d="M([0-9.]+) 1000((?:V[0-9.]+H[0-9.]+)+)V1000Z"',
                   open("page.html").read())
assert len(paths) >= 2, paths
for start, steps in paths:
    ends = [float(start)] + [float(x) for x in re.findall(r"H([0-9.]+)", steps)]
    assert ends[-1] - ends[-2] >= 1, ends
PYTHON

step "who asked for it"
# two stacks, each above all chance: the one of 40 MiB, and the other of 50,000 times 112 bytes
expect_stacks() {
    plain page.html >plain.html
    expect_in plain.html '<p class="answer most">Of 4[4-6]\.[0-9] MiB live when the heap was largest, 40\.0 MiB \(8[6-9]\.[0-9] %\) was '\
'asked for by one stack of calls, in <code>touched</code>' "$1: the first sentence"
    expect_count 1 'id="flame-data"' page.html
    (($(grep -c '<summary><code>touched</code>' page.html) >= 2)) || fail "$1: the table of stacks"
    expect_count 1 '<figcaption><b>Stacks that grew most</b>' page.html
    expect_in plain.html '<li><i class="s[0-9]"></i>\+[0-9.]+ [KM]iB <code>touched</code>' "$1: what grew"
    # we have set it
    expect_count 0 '<th scope="row">HAKMEM_PROFILE</th>' page.html
}
expect_stacks "a program that ends"
hakmem run --report page.html --set PROFILE_INTERVAL=16K -- ./work killed
expect_status 137 "a program that is killed"
expect_stacks "a program that is killed"
for words in --no-profile "--set PROFILE=0"; do
    # shellcheck disable=SC2086 # two words
    hakmem run --report page.html $words -- ./work
    expect_status 7 "$words"
    expect_self_contained page.html
    expect_count 1 '<p class="note">Not known: process ' page.html
    expect_count 0 '<script' page.html
    expect_count 1 '<tr><th scope="row">HAKMEM_PROFILE</th><td>0</td>' page.html
done
expect_line 2 "hakmem run: --no-profile is for the page of --report FILE" run --no-profile touch ran

cat >calls.c <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;

static void take(int count, int is_freed)
{
    for (int i = 0; i < count; i++) {
        kept = malloc(1500);
        if (is_freed)
            free(kept);
    }
}

static void *in_thread(void *unused)
{
    take(10, 1);
    return unused;
}

/* Calls that are known, in the classes of 1536 and 3072 bytes, in more threads than count apart.
 * Not a child's, and not those before execve. */
int main(int argc, char **argv)
{
    if (argc > 1) {
        take(77, 0);
        return execl(argv[0], argv[0], (char *)NULL);
    }
    take(1000, 0);
    take(500, 1);
    for (int i = 0; i < 200; i++)
        kept = calloc(2, 750);
    for (int i = 0; i < 50; i++)
        kept = aligned_alloc(64, 1536);
    for (int i = 0; i < 100; i++)
        kept = realloc(malloc(1500), 3000);
    free(realloc(realloc(NULL, 1500), 0));
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, in_thread, NULL);
        pthread_join(thread, NULL);
    }
    pid_t child = fork();
    if (child == 0) {
        take(5000, 0);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return kill(getpid(), SIGKILL);
}
C
cc -O1 -fno-builtin -pthread calls.c -o calls || fail "calls.c"

step "each call counted"
expect_line 2 "hakmem run: --operations needs --report FILE: the page has the numbers" \
    run --operations touch ran
for words in ./calls "./calls again"; do
    # shellcheck disable=SC2086 # two words
    hakmem run --report page.html --operations -- $words
    expect_status 137 "$words"
    expect_no_leftovers "--operations"
    # allocated, resized, freed: 1000 + 500 + 200 + 50 + 100 + 1 + 100 * 10, 500 + 1 + 1000
    for row in 1536:2851:0:1501 3072:0:100:0; do
        IFS=: read -r size allocated resized freed <<<"$row"
        pattern="<th scope=\"row\">$size</th><td>[^<]*</td><td>$allocated</td><td>$resized</td>"
        operations | grep -q "$pattern<td>$freed</td>" ||
            fail "$words: class $size: $(operations | grep ">$size<")"
    done
    expect_count 1 'All calls of the program: malloc ' page.html
    expect_count 1 'the run was slower than it is without' page.html
done
cc -static -O1 -fno-builtin -pthread calls.c -o calls_static || fail "calls.c does not link statically"
hakmem run --report page.html --operations -- ./calls_static
expect_status 137 "a static program"
expect_count 1 'No calls were counted: ' page.html
expect_count 0 'All calls of the program' page.html

step "programs of which little is seen"
hakmem run --report page.html -- sh -c 'kill -9 $$'
expect_status 137 "a program that is killed"
expect_count 1 '<dd>killed by signal 9 (Killed)</dd>' page.html
HAKMEM_FORCE_LIBC_ALLOC=1 hakmem run --report page.html -- sleep 0.3
expect_status 0 "libc's allocator"
expect_count 1 'Its heap was never seen: the program did not use it (is HAKMEM_FORCE_LIBC_ALLOC' \
    page.html
hakmem run --report page.html -- true
expect_status 0 "a short program"
expect_count 1 "<h1>A program's memory</h1>" page.html
hakmem run --report /dev/full -- true
expect_status 125 "a page on a full disk"
expect_in err "^hakmem run: cannot write '/dev/full': No space left on device$" "a full disk"

step "progress on a terminal"
if command -v script >/dev/null; then
    script -qec "'$CLI' run --report page.html ./work known" bar >/dev/null
    grep -q ' s: RSS .*, live .*, [0-9]* thread' bar || fail "no progress: $(cat -v bar)"
fi

if ! command -v chromium >/dev/null; then
    echo "SKIP: no chromium here, so the page was not seen in a browser"
    exit 0
fi
step "the document that a browser makes of it"
hakmem run --report page.html ./work known
browse 1 --dump-dom "file://$SCRATCH/page.html" >dom
expect_page dom
expect_fits_phone page.html
wide=$(wide_on_phone page.html)
[[ -z $wide ]] || fail "tables that do not fit on a phone: $wide"
