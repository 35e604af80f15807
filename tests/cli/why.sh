# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem why` on a heap that is known.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

# expect_why ADDRESS PATTERN...: each pattern is in some line of the answer.
expect_why() {
    local address=$1 pattern
    shift
    hakmem why $TARGET "$address"
    expect_status 0 "hakmem why $address"
    for pattern; do
        expect_in out "$pattern" "hakmem why $address"
    done
}

plus() {
    printf '0x%x' $(($1 + $2))
}

start_known_heap
live=$(address live)

step "a live block, its bounds and neighbours"
expect_why "$live" "^$live in known_heap \[$TARGET\]: live\$" \
    "block +\[$live, $(plus "$live" 208)\), 208 bytes, Tiny lane" "0 bytes from the block's start" \
    "before +$(plus "$live" -208) free" "after +$(plus "$live" 208) free" \
    "before +$(plus "$live" -416) live" "page +resident"
expect_why "$(plus "$live" 7)" ": live" "7 bytes from the block's start, 201 before its end"
expect_why "${live#0x}" ": live"
expect_why "$(plus "$live" 208)" ": free" "0 bytes from the block's start"

step "free blocks: in a thread cache, in the depot or a slab"
expect_why "$(address cached)" ": free in a thread cache" \
    "holder +the cache of thread $(address thread) \(known_heap\)\$"
expect_why "$(address freed)" ": free"

step "spans and Huge blocks"
span=$(address span)
expect_why "$(plus "$span" 299999)" ": live" "block +\[$span, .* 327680 bytes, ACE lane" \
    "299999 bytes from"
kept=$(address kept)
expect_why "$(plus "$kept" $((9 << 20)))" ": live" "block +\[$kept, .* 10489856 bytes, Huge lane"
expect_why "$(plus "$kept" $((11 << 20)))" ": unused: behind the last block of its span"

step "what is no block"
expect_why 0x10 "not the heap's, and in no mapping"
stack=$(sed -n 's/^\([0-9a-f]*\)-.*\[stack\]$/\1/p' /proc/$TARGET/maps)
expect_why "$stack" "not the heap's: in \[stack\]"
text=$(sed -n 's/^\([0-9a-f]*\)-.*known_heap$/\1/p' /proc/$TARGET/maps | head -n 1)
expect_why "$text" "not the heap's: in .*/known_heap"

step "a function, a variable and zeroed data, by the file that has them"
for name in function variable zeroed; do
    expect_why "$(plus "$(address $name)" 2)" "not the heap's: in .*/known_heap\$" \
        "symbol +known_$name, 2 bytes from its start, [0-9]+ before its end"
done
expect_why "$(address libc)" "not the heap's: in .*/libc\.so\.6" "symbol +getppid, 0 bytes from its start"
gcore_why() {
    gdb -p $TARGET -batch -ex "generate-core-file why.core" >/dev/null 2>&1
    hakmem why --core why.core "$(address libc)"
    expect_status 0 "hakmem why --core"
    expect_in out "symbol +getppid, 0 bytes from its start" "hakmem why --core"
}
if command -v gdb >/dev/null; then gcore_why; else echo "no gdb here"; fi
cp known_heap stripped && strip stripped
start heap ./stripped
wait_for "stripped" grep -qs '^ready' heap
text=$(sed -n 's/^\([0-9a-f]*\)-.*stripped$/\1/p' /proc/$TARGET/maps | head -n 1)
expect_why "$text" "not the heap's: in .*/stripped"
! grep -q '  symbol' out || fail "a symbol of a stripped program: $(cat out)"
kill -KILL $TARGET
start_known_heap

step "a file with a name that a terminal would obey"
cp known_heap $'esc\e[2Japed'
start heap $'./esc\e[2Japed'
wait_for "the program" grep -qs '^ready' heap
text=$(sed -n 's/^\([0-9a-f]*\)-.*aped$/\1/p' /proc/$TARGET/maps | head -n 1)
expect_why "$text" '^0x[0-9a-f]* in esc\?\[2Japed \[[0-9]*\]: not the heap.s: in .*esc\?\[2Japed$'
kill -KILL $TARGET

step "who asked for a block"
# a program that waits in one thread, whose block was sampled by another
cat >asker.c <<'PROGRAM'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((noinline)) static void *ask_for(size_t size) { return malloc(size); }
static void *run(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "asker");
    char *block = ask_for(100);
    printf("block %p\nthread %d\nready\n", (void *)block, (int)gettid());
    fflush(stdout);
    pause();
    return block;
}
int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, NULL);
}
PROGRAM
cc -D_GNU_SOURCE -g -O1 -fno-builtin asker.c -o asker -pthread || fail "asker.c does not compile"
start_asker() {
    start heap env "$@" ./asker
    wait_for "asker" grep -qs '^ready' heap
}
start_asker HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=1
expect_why "$(address block)" ": live" '^    ask_for asker\.c:[0-9]+$' '^        run asker\.c:[0-9]+$' \
    "asked for +100 bytes, [0-9]+ m?s ago, by thread $(address thread) \(asker\), in\$"
expect_why "$(plus "$(address block)" 9)" '^    ask_for asker\.c:[0-9]+$'
if command -v gcore >/dev/null && gcore -o core $TARGET >/dev/null 2>&1; then
    hakmem why --core core.$TARGET "$(address block)"
    expect_in out "asked for +100 bytes, [0-9]+ m?s after profiling began, by thread $(address thread), in\$" "why --core"
    expect_in out '^    ask_for asker\.c:[0-9]+$' "why --core"
fi
start_asker HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=1G
expect_why "$(address block)" "asked for +not known: one of [0-9]+ blocks of this size is sampled, not this one;\$" \
    "^ +with HAKMEM_PROFILE_INTERVAL=1 all are\$"
start_asker HAKMEM_PROFILE=0
expect_why "$(address block)" "asked for +not known: profiling is not on in it \(start it with HAKMEM_PROFILE=1\)\$"
