# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem run` on programs that start others: a row for each process, bounded when
# there are hundreds, the sums, and the figures and the page of the process with the largest peak.

source "$(dirname "$0")/lib.bash"
[[ -f $(dirname "$CLI")/libhakmem.so ]] || { echo "SKIP: no libhakmem.so"; exit 77; }
command -v cc >/dev/null || { echo "SKIP: no C compiler"; exit 77; }

cat >work.c <<'C'
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "looks.h"

static void *volatile kept;

/* So many blocks of 1000 bytes, which take 1024. */
static void fill(int count)
{
    for (int i = 0; i < count; i++)
        kept = memset(malloc(1000), 1, 1000);
}

/* Copies that hold 20,000 blocks until they have been looked at, and end without a word. */
static int copies(int count)
{
    char byte = 0;
    int filled[2];
    int ends[2];
    if (pipe(filled) != 0 || pipe(ends) != 0)
        return 1;
    for (int i = 0; i < count; i++)
        if (fork() == 0) {
            fill(20000);
            close(ends[1]);
            if (write(filled[1], &byte, 1) != 1)
                _exit(1);
            _exit(read(ends[0], &byte, 1) != 0);
        }
    for (int i = 0; i < count; i++)
        if (read(filled[0], &byte, 1) != 1)
            return 1;
    wait_for_looks(5);
    close(ends[1]);
    while (wait(NULL) > 0)
        ;
    return 0;
}

/* A child that stays when its parent has ended: until the file is gone. */
static int leaves(const char *file)
{
    char byte = 0;
    int filled[2];
    if (pipe(filled) != 0)
        return 1;
    if (fork() > 0) {
        if (read(filled[0], &byte, 1) != 1)
            return 1;
        wait_for_looks(5);
        return 0;
    }
    fill(30000);
    if (write(filled[1], &byte, 1) != 1)
        _exit(1);
    while (access(file, F_OK) == 0)
        usleep(10000);
    _exit(0);
}

int main(int argc, char **argv)
{
    (void)argc;
    switch (argv[1][0]) {
    case 'b': fill(100000); return 0; /* big */
    case 's': fill(1000); return 0;   /* small */
    case 'w': fill(100000); wait_for_looks(5); return 0;
    case 'e':                         /* execs */
        fill(50000);
        return execl(argv[0], argv[0], "small", (char *)NULL);
    case 'c': return copies(3);
    default: return leaves(argv[2]);
    }
}
C
cc -I "$SOURCE/tests/cli/programs" -O1 -fno-builtin work.c -o work || fail "work.c"

# rows: the table in err, a row a line.
rows() {
    awk '$1 == "PID" { table = 1; next } table && $1 ~ /^[0-9]+$/ && NF > 5 { print; next }
        { table = 0 }' err
}
expect_row() {
    rows >table
    expect_in table "^ *[0-9]+ +$1\$" "$2"
}
# A page about the process whose command is like this.
expect_subject() {
    grep -Eq "The rest of this page is about process [0-9]+, <code>$1</code>" page.html ||
        fail "$2: the page is about $(grep -o 'The rest of this page.*' page.html)"
}

step "a wrapper: a row for each process, and the figures of the largest"
hakmem run -- bash -c './work big; true'
expect_status 0 "a wrapper"
expect_narrow err "a wrapper"
expect_in err '^processes 2; the looks saw at most [12] at a time$' "a wrapper"
expect_row '9[7-9]\.[0-9] MiB +97\.7 MiB +100000  \./work big' "the child"
expect_row '[0-9.]+ MiB +[0-9.]+ KiB +[0-9]+  bash -c \./work big; true' "the wrapper"
(($(rows | wc -l) == 2)) || fail "not two rows: $(cat err)"
PID=$(rows | awk '/work big$/ { print $1 }')
expect_in err "^RSS +9[7-9]\.[0-9] MiB peak, 9[7-9]\.[0-9] MiB at exit, of process $PID\$" "the peak"
expect_in err '^live +97\.7 MiB \(102400000 bytes\) in 100000 blocks at exit$' "the largest's heap"

# together: MiB of RSS, and of the largest process's peak
together() {
    TOGETHER=$(sed -nE 's/^together +(at least )?([0-9]+)\.[0-9] MiB of RSS.*/\2/p' err)
    [[ -n $TOGETHER && $TOGETHER -ge $1 ]] ||
        fail "$2: together less than the largest's peak of $1 MiB: $(cat err)"
}

step "the sum counts moments with one process too, and is no less than any peak"
together 97 "a wrapper"
hakmem run -- bash -c './work small; exec ./work wait'
expect_status 0 "a large program after a small one"
expect_narrow err "a large program after a small one"
together 97 "a large program after a small one"
! grep -q 'saw most$' err || fail "saw most of what: $(cat err)"
hakmem run -- bash -c './work small & wait; exec ./work big'
together 97 "a large program whose peak is not looked at"

step "and its page"
hakmem run --report page.html -- bash -c './work small; ./work big; true'
expect_status 0 "a wrapper's page"
expect_subject '\./work big' "a wrapper's page"
plain page.html |
    grep -Eq '<p class="answer">At the peak, at its exit, (9[7-9]|10[0-2])\.[0-9] MiB was resident in process '\
'[0-9]+, <code>\./work big</code>: 97\.7 MiB in blocks' ||
    fail "a wrapper's page: $(grep answer page.html)"
# with what the profile keeps
grep -Eq '<b>[0-9]+</b></th><td>(9[7-9]|10[0-2])\.[0-9] MiB</td><td>97\.7 MiB</td><td>97\.7 MiB</td>'\
'<td>100000</td><td class="text"><code>\./work big<' page.html || fail "no row of the largest"
grep -Eq '</th><td>[0-9.]+ MiB</td><td>[^<]+</td><td>1000\.0 KiB</td><td>1000</td>'\
'<td class="text"><code>\./work small<' page.html || fail "no row of the smaller"
grep -Eq '<tr><th scope="row">1024</th><td>100000</td>' page.html || fail "not the largest's classes"

step "a program that executes another one: one process, its peak the larger of both"
hakmem run --report page.html -- ./work exec
expect_status 0 "exec"
! grep -q '^processes' err || fail "exec: more than one process: $(cat err)"
hakmem run -- bash -c 'exec ./work big'
! grep -q '^processes' err || fail "exec: more than one process: $(cat err)"
expect_in err '^RSS +9[7-9]\.[0-9] MiB peak' "exec"

step "hundreds of children that live shorter than a look: all told of, a few listed"
for page in "" "--report page.html"; do
    # shellcheck disable=SC2086 # none or two words
    hakmem run $page -- bash -c 'for ((i = 0; i < 300; i++)); do ./work small; done; ./work big'
    expect_status 0 "hundreds"
    expect_narrow err "hundreds"
    COUNT=$(sed -nE 's/^processes ([0-9]+); .*/\1/p' err)
    # bash replaces itself by the last one
    [[ -n $COUNT && $COUNT -ge 301 ]] || fail "hundreds: $(cat err)"
    (($(rows | wc -l) == 12)) || fail "hundreds: not 12 rows: $(cat err)"
    expect_row '(9[7-9]|10[0-2])\.[0-9] MiB +97\.7 MiB +100000  .*' "hundreds: the largest"
    expect_row '[0-9.]+ MiB +1000\.0 KiB +1000  \./work small' "hundreds: a small one"
    expect_in err "^ +and $((COUNT - 12)) more, with [0-9.]+ MiB or less each\$" "hundreds"
done
(($(sed -n '/id="processes"/,/<\/section>/p' page.html | grep -c '^<tr>') <= 25)) ||
    fail "hundreds: too many rows on the page"

step "copies that end without a word: the kernel's figures"
hakmem run --report page.html -- ./work copies
expect_status 0 "copies"
expect_in err '^processes 4; the looks saw at most 4 at a time$' "copies"
(($(rows | grep -Ec '^ *[0-9]+ +2[0-9]\.[0-9] MiB +- +-  \./work copies') == 3)) ||
    fail "copies: $(cat err)"
# three of 20,000 blocks, and what each has besides
SUM=$(sed -nE 's/^together +([0-9]+)\.[0-9] MiB of RSS.*/\1/p' err)
[[ -n $SUM && $SUM -ge 58 && $SUM -lt 90 ]] || fail "copies: the sum is $SUM MiB: $(cat err)"
PSS=$(sed -nE 's/^ +([0-9]+)\.[0-9] MiB of PSS.*/\1/p' err)
[[ -n $PSS && $PSS -ge 58 && $PSS -le $SUM ]] || fail "copies: PSS is $PSS MiB: $(cat err)"
plain page.html |
    grep -Eq 'At the peak, [0-9.]+ s after the start, 2[0-9]\.[0-9] MiB was resident in process [0-9]+, '\
'<code>\./work copies</code>: 19\.[5-9] MiB in blocks' || fail "copies: $(grep answer page.html)"

step "a child that outlives its parent"
touch stay
hakmem run --report page.html -- ./work leaves "$SCRATCH/stay"
expect_status 0 "a child that stays"
rm stay
expect_row '3[0-9]\.[0-9] MiB +- +-  \./work leaves .*' "a child that stays"
expect_in err '^report +none: process [0-9]+ still runs$' "a child that stays"
grep -q '<td>runs on</td>' page.html || fail "a child that stays: the page does not say so"
expect_no_leftovers "hakmem run with children"
