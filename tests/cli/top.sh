# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem top` in a terminal (tmux): one process, stopped too; all processes; the
# keys; a process that ends.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
source "$SOURCE/tests/cli/terminal.bash"

start_known_heap
step "one process, stopped"
stop $TARGET
terminal "$CLI" top --delay 0.2 $TARGET
expect_screen "^hakmem top: known_heap \[$TARGET\], stopped, 2 threads, RSS [0-9.]+ MiB"
expect_screen "^= live blocks +15\.[0-9] MiB"
expect_screen "^ +208 +500 "
key t
expect_screen "^ +$(address thread) +[0-9]+ "
key t
key n
expect_screen "^ +208 +500 "
kill -CONT $TARGET
expect_screen "known_heap \[$TARGET\], sleeps"
key q
expect_screen "^ended 0"
in_terminal kill-server

step "a core file"
if command -v gcore >/dev/null && gcore -o gdb $TARGET >/dev/null 2>&1; then
    terminal "$CLI" top --core gdb.$TARGET
    expect_screen "^hakmem top: known_heap \[$TARGET\], core file, 2 threads, pages with content [0-9.]+ MiB"
    expect_screen "^= live blocks +15\.[0-9] MiB"
    key t
    expect_screen "^ +$(address thread) +[0-9]+ "
    key q
    expect_screen "^ended 0"
    in_terminal kill-server
    rm gdb.$TARGET
fi
terminal "$CLI" top --core /bin/true
expect_screen "^ended 1"
in_terminal kill-server
expect_in top.err "^hakmem top: '/bin/true' is not a core file" "no core file"
expect_line 2 "hakmem top: '1' is one word too many" top --core x 1

step "who asked for the memory of a process"
cat >asking.c <<'PROGRAM'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
__attribute__((noinline)) static void *ask_much(void) { return memset(malloc(1 << 20), 1, 1 << 20); }
__attribute__((noinline)) static void *ask_often(void) { return memset(malloc(100), 1, 100); }
int main(void)
{
    char byte;
    for (int i = 0; i < 10; i++)
        ask_much();
    for (int i = 0; i < 200000; i++)
        free(ask_often());
    write(1, "ready\n", 6);
    while (read(0, &byte, 1) == 1)
        ask_much();
    for (;;)
        pause();
}
PROGRAM
cc -g -O1 -fno-builtin -w asking.c -o asking || fail "asking.c does not compile"
mkfifo ask
HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=1 LD_PRELOAD=$LIBRARY ./asking >asking.out <ask &
ASKING=$!
disown
STARTED+=("$ASKING")
exec 9>ask
wait_for "asking" grep -qs '^ready' asking.out
terminal "$CLI" top --delay 0.2 $ASKING
expect_screen "w who asked"
key w
expect_screen "^10\.0 MiB live, sampled every 1 B on average"
expect_screen "^ +live +share +blocks +live +change +who asked for it"
expect_screen "^ +10\.0 MiB +100\.0 % +10 +10\.0 MiB +ask_much asking\.c:[0-9]+ < main"
printf xx >&9
expect_screen "^12\.0 MiB live"
expect_screen "^ +2\.0 MiB +16\.7 % +2 +2\.0 MiB "
key a
expect_screen "^3[0-9]\.[0-9] MiB allocated since profiling began"
expect_screen "^ +[0-9.]+ MiB +[0-9.]+ % +200000 +0 B +ask_often asking\.c:[0-9]+ < main"
key j
expect_screen "^ +allocated +share"
wait_for "the next row first" eval 'screen; sed -n 5p screen | grep -q ask_much'
key k
wait_for "the first row again" eval 'screen; sed -n 5p screen | grep -q ask_often'
key w
expect_screen "^= live blocks"
key q
expect_screen "^ended 0"
in_terminal kill-server
exec 9>&-
kill -KILL $ASKING
terminal "$CLI" top --delay 0.2 $TARGET
expect_screen "w who asked"
key w
expect_screen "profiling is not on in it"
key b
expect_screen "^= live blocks"
key q
expect_screen "^ended 0"
in_terminal kill-server

step "all processes, into one and back"
terminal "$CLI" top --delay 0.2
expect_screen "^hakmem top: [0-9]+ process(es)? on the allocator, by RSS"
expect_screen "^ +$TARGET sleeps +2 +[0-9.]+ MiB +15\.[0-9] MiB .* [./]*known_heap"
key n
expect_screen "on the allocator, by name"
if grep -q "^hakmem top: 1 process" screen; then
    key Enter
    expect_screen "^hakmem top: known_heap \[$TARGET\]"
    key b
    expect_screen "on the allocator"
fi
key q
expect_screen "^ended 0"
in_terminal kill-server

step "terminals of any width: the columns that have room, and the command"
SIZE="+[0-9.]+ [KM]iB"
while IFS='|' read -r COLUMNS_HERE title row; do
    terminal "$CLI" top --delay 0.2
    expect_screen "^ +$TARGET ${row//SIZE/$SIZE}"
    got=$(sed -n 3p screen)
    [[ ${got%"${got##*[! ]}"} == "$title" ]] || fail "$COLUMNS_HERE columns: the titles are '$got'"
    key q
    expect_screen "^ended 0"
    in_terminal kill-server
done <<'TABLE'
20|    PID command|[./]*known_heap
60|    PID        RSS       live       free command|SIZE SIZE SIZE [./]*known_heap
80|    PID state    thr        RSS       live     cached       free command|sleeps +2 SIZE SIZE SIZE SIZE [./]*known_heap
140|    PID state    thr        RSS       live      change     cached       free command|sleeps +2 SIZE SIZE .*SIZE SIZE [./]*known_heap
300|    PID state    thr        RSS       live      change     cached       free command|sleeps +2 SIZE SIZE .*SIZE SIZE [./]*known_heap
TABLE
COLUMNS_HERE=100

step "two processes: their sum; command lines without control characters"
FIRST=$TARGET
start_known_heap
terminal "$CLI" top --delay 0.2
expect_screen "^hakmem top: [2-9][0-9]* processes on the allocator"
expect_screen "^  total +[0-9]+ $SIZE $SIZE"
expect_screen "^ +$FIRST sleeps"
key q
expect_screen "^ended 0"
in_terminal kill-server

if ((EUID == 0)) && setpriv --reuid=65534 --regid=65534 --clear-groups "$CLI" --version >/dev/null 2>&1; then
    step "processes that may not be read: how many, which, and why"
    terminal setpriv --reuid=65534 --regid=65534 --clear-groups "$CLI" top --delay 0.2
    expect_screen "^[0-9]+ more may not be read: u shows which, and why"
    key u
    expect_screen "^[0-9]+ more may not be read: u hides them"
    expect_screen " is another user.s: only that user or root may read it"
    key q
    expect_screen "^ended 0"
    in_terminal kill-server
fi

step "a process that ends"
terminal "$CLI" top --delay 0.2 $TARGET
expect_screen "^hakmem top: known_heap"
kill -KILL $TARGET
expect_screen "^ended 0"
in_terminal kill-server
expect_in top.err "^hakmem top: known_heap \[$TARGET\] has ended" "a process that ends"

step "no such process"
expect_line 2 "hakmem top: 'x' is not a process number" top x
terminal "$CLI" top 99999999
expect_screen "^ended 1"
in_terminal kill-server
expect_in top.err "^hakmem top: there is no process 99999999" "no such process"

step "a terminal of no known kind"
terminal TERM=nosuch "$CLI" top
expect_screen "^ended 2"
in_terminal kill-server
[[ $(cat top.err) == "hakmem top: the terminal cannot be used: TERM is 'nosuch', and there is no\
 such kind here" ]] || fail "no known kind: $(cat top.err)"
