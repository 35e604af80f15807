# SPDX-License-Identifier: MIT
#
# Owns the check that a process which forges its heap, its files or its name costs the command no
# more than it has, and is told of in one line; and that nothing is ever written but to the library,
# in the program that was looked at.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

cc -D_GNU_SOURCE -O1 -fno-builtin -w -I"$SOURCE/src" -I"$SOURCE/include" -DHAK_SHARED=0 \
    -DHAK_ASSERT=0 -DHAK_PREFIXED=0 "$SOURCE/tests/cli/programs/hostile.c" -o hostile -ldl ||
    fail "hostile.c does not compile"

# Memory that the command may take in all, KiB: many times what it needs, and a fraction of what
# these processes say. And seconds after which it hangs.
MEMORY_MAX=262144
SECONDS_MAX=20

start_hostile() {
    # our own helper thread would move what was forged
    HAKMEM_BACKGROUND=0 HAKMEM_DECAY_MS=-1 start heap ./hostile "$@"
    wait_for "hostile $*" grep -qs '^ready' heap
}

# bounded WORDS...: as `hakmem`, within these bounds.
bounded() {
    (
        ulimit -v $MEMORY_MAX
        exec timeout -s KILL $SECONDS_MAX "$CLI" "$@" >out 2>err
    )
    STATUS=$?
    ((STATUS <= 3)) || fail "hakmem $*: status $STATUS: $(cat err)"
    [[ $(wc -l <err) == "$((STATUS > 0))" ]] || fail "hakmem $*: status $STATUS, and writes: $(cat err)"
}

# expect_damaged WORDS: all verbs refuse the process with these words.
expect_damaged() {
    local words
    for words in "stats" "stats --json" "map" "why"; do
        # shellcheck disable=SC2086
        bounded $words $TARGET $([[ $words != why ]] || echo 0x10)
        [[ $(cat err) == "hakmem ${words%% *}: process $TARGET (hostile): its heap is damaged: $1" ]] ||
            fail "hakmem $words: $(cat err)"
    done
    bounded trim --wait 1 $TARGET
    [[ $(cat err) == "hakmem trim: process $TARGET (hostile): its heap is damaged: $1" ]] ||
        fail "hakmem trim: $(cat err)"
    kill -KILL $TARGET
}

# expect_left_out: all verbs tell what fits, and stats says that something does not.
expect_left_out() {
    bounded map $TARGET
    expect_status 0 "$1: map"
    bounded stats $TARGET
    expect_status 0 "$1: stats"
    expect_in out "^left out, since it changed while it was read: [0-9]+ thing" "$1"
    kill -KILL $TARGET
}

step "a process that forges nothing"
start_hostile none
bounded stats $TARGET
expect_status 0 "nothing forged"
expect_in out "^  16 +200" "nothing forged"
grep -q "left out" out && fail "nothing forged: $(cat out)"
kill -KILL $TARGET

step "a program that names hakmem_root: the linker gives it a copy"
cat >copy.c <<'C'
#include <unistd.h>
#include <stdlib.h>
extern const struct { char magic[16]; } hakmem_root;
int main(void)
{
    malloc(5);
    write(1, "ready\n", 6);
    return pause() + hakmem_root.magic[0];
}
C
cc -O1 -fno-builtin -no-pie -fno-pie copy.c -o copy -L"$(dirname "$LIBRARY")" -lhakmem \
    -Wl,-rpath,"$(dirname "$LIBRARY")" || fail "copy.c does not compile"
start heap ./copy
wait_for "copy" grep -qs '^ready' heap
bounded stats $TARGET
expect_status 0 "a copy of the root"
kill -KILL $TARGET

step "tables of superslabs"
start_hostile table-aliased
expect_damaged "the address space makes no sense"
start_hostile table-shared
expect_damaged "its records lie in shared memory or a file"
start_hostile table-one-record
expect_damaged "its superslabs have no records of their own"
start_hostile table-empty
bounded stats $TARGET
expect_status 0 "32 TiB of nothing"
expect_in out "^= live blocks +0 B " "32 TiB of nothing"
bounded map $TARGET
expect_status 0 "32 TiB of nothing: map"
expect_in out " \.{32} +0 % +0 %  x 16776[0-9]+$" "32 TiB of nothing: map"
# what has no pages was not touched: that would have cost the process page tables
(($(sed -n 's/^VmPTE:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$TARGET/status) < 1024)) ||
    fail "32 TiB of nothing: its table was read where there is none"
kill -KILL $TARGET

step "slabs without a bitmap, or not at their place"
for how in no-bitmap bitmap-outside; do
    start_hostile slabs $how
    expect_left_out "slabs $how"
    grep -q "^  16 " out && fail "slabs $how: blocks are made up: $(cat out)"
done
start_hostile slabs shifted
bounded stats $TARGET
expect_status 0 "slabs that do not start where they are"
grep -q "^  16 " out && fail "slabs that do not start where they are: $(cat out)"
kill -KILL $TARGET

step "caches"
start_hostile caches-in-a-block
expect_left_out "thread caches outside the metadata"
start_hostile caches-in-metadata
expect_damaged "it names more records than it has memory for"
start_hostile caches-in-a-circle
expect_left_out "thread caches in a circle"
start_hostile batches-in-a-circle
expect_damaged "it names more records than it has memory for"

step "caches that lie elsewhere: profile writes nothing into them, and ends"
start_hostile caches-in-a-block
"$CLI" profile $TARGET --for 500ms -o x.folded >out 2>err
[[ $? == 1 ]] || fail "profile: $(cat err)"
touch asked
wait_for "the marks" grep -q '^marks' heap
expect_in heap '^marks 0$' "caches that lie elsewhere"
kill -KILL $TARGET
start_hostile caches-in-a-circle
timeout -s KILL $SECONDS_MAX "$CLI" profile $TARGET --for 500ms -o x.folded >out 2>err
[[ $? == 1 ]] || fail "profile of caches in a circle: $(cat err)"
kill -KILL $TARGET

step "a request that is not the library's"
for where in stack heap mapping program code high; do
    start_hostile request $where
    expect_damaged "hakmem_root points outside its program or library"
done

step "a request that is never served"
start_hostile none
bounded set --wait 1 $TARGET DECAY_MS=5
[[ $(cat err) == "hakmem set: hostile [$TARGET] has not answered in 1 s: it serves the request\
 at its next slow path of malloc or free" ]] || fail "a request that is never served: $(cat err)"
kill -KILL $TARGET

step "an exec while a request waits: nothing is written into the new program"
if command -v setarch >/dev/null && setarch -R true 2>/dev/null; then
    HAKMEM_BACKGROUND=0 start heap setarch -R ./hostile exec
    wait_for "the request" grep -qs '^ready' heap
    bounded set --wait 15 $TARGET DECAY_MS=1234
    touch answered
    expect_status 1 "an exec"
    [[ $(cat err) == "hakmem set: process $TARGET ("*") is not the program that it was" ]] ||
        fail "an exec: $(cat err)"
    wait_for "the victim" grep -qs '^requests' heap
    grep -q "^victim $(sed -n 's/^ready //p' heap)$" heap || fail "not at one address: $(cat heap)"
    grep -q "^requests 0 0$" heap || fail "written into another program: $(cat heap)"
    kill -KILL $TARGET
else
    echo "addresses cannot be fixed here"
fi

step "a name with a newline"
start_hostile name
bounded stats $TARGET
expect_in out '^a\?b\) R 1\? \[' "a name with a newline"
bounded set --wait 0 $TARGET DECAY_MS=5
[[ $(cat err) == "hakmem set: a?b) R 1? [$TARGET] has not answered in 0 s: "* ]] ||
    fail "a name with a newline: $(cat err)"
kill -KILL $TARGET

step "files: a symbol table of a TiB, one that is cut short, a pipe by a library's name"
cat >files.c <<'C'
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    int file = open(argv[1], O_RDWR);
    void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    write(1, at == MAP_FAILED ? "no\n" : "ready\n", at == MAP_FAILED ? 3 : 6);
    while (argc > 2) { /* cut it short and make it long again, all the time */
        ftruncate(file, 8192);
        usleep(50);
        ftruncate(file, atol(argv[2]));
    }
    pause();
}
C
cc -D_GNU_SOURCE -O1 files.c -o files || fail "files.c does not compile"
# make_elf FILE SIZE: with a symbol table and names of SIZE bytes each, sparse.
make_elf() {
    python3 - "$@" <<'PYTHON'
import struct, sys
path, size = sys.argv[1], int(sys.argv[2])
head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack(
    "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 128, 0, 64, 56, 1, 64, 3, 0)
part = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, 4096, 4096, 4096)
symbols = struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, 8192, size, 2, 0, 8, 24)
names = struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, 4096, size, 0, 0, 1, 0)
with open(path, "wb") as file:
    file.write(head + part + bytes(8) + bytes(64) + symbols + names)
    file.seek(4096)
    file.write(b"\0hakmem_root\0")
    file.truncate(8192 + size)
PYTHON
}
none="no HAKMEM in it: libhakmem is neither loaded nor linked: start the program \
with hakmem run, or with libhakmem.so in LD_PRELOAD"
start_files() {
    rm -f heap
    "$@" >heap 2>&1 </dev/null &
    TARGET=$!
    disown
    STARTED+=("$TARGET")
    wait_for "files" grep -qs '^ready' heap
}
if make_elf libhakmem-large.so $((1 << 40)) || make_elf libhakmem-large.so $((1 << 33)); then
    start_files ./files libhakmem-large.so
    bounded stats $TARGET
    [[ $(cat err) == "hakmem stats: process $TARGET (files): $none" ]] || fail "a TiB: $(cat err)"
fi
make_elf libhakmem-cut.so 2000000
start_files ./files libhakmem-cut.so 2008192
for ((i = 0; i < 30; i++)); do
    bounded stats $TARGET
    [[ $(cat err) == "hakmem stats: process $TARGET (files): $none" ]] || fail "cut: $(cat err)"
done
kill -KILL $TARGET
make_elf libhakmem-pipe.so 4096
start_files ./files libhakmem-pipe.so
rm libhakmem-pipe.so
mkfifo libhakmem-pipe.so "libhakmem-pipe.so (deleted)"
bounded stats $TARGET
[[ $(cat err) == "hakmem stats: process $TARGET (files): $none" ]] || fail "a pipe: $(cat err)"
