# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem record` and bench/replay: the trace of a program whose calls are known
# has these calls, also when the program is killed, forks, or closes what it did not open; a replay
# makes them under any allocator; and a file that is no whole trace gives one line.

source "$(dirname "$0")/lib.bash"
LIBRARY=$(dirname "$CLI")/libhakmem.so
cc -O2 -pthread -o replay "$SOURCE/bench/replay.c" || fail "cc replay.c"

cat >known.c <<'PROGRAM'
/* Makes COUNT calls for each of its arguments KIND:COUNT; calls of other threads are one thread's
 * each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 64
static void *volatile block;
static void *given[BLOCKS];

static void *give(void *argument)
{
    for (int i = 0; i < BLOCKS; i++)
        *(void **)(given[i] = malloc(100)) = argument;
    return NULL;
}

/* A thread allocates, this one resizes half of it and frees all. */
static void pass(int count)
{
    for (; count > 0; count--) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, give, NULL) != 0 || pthread_join(thread, NULL) != 0)
            abort();
        for (int i = 0; i < BLOCKS; i++) {
            if (i % 2)
                given[i] = realloc(given[i], 5000);
            free(given[i]);
        }
    }
}

static void fork_children(int count)
{
    for (; count > 0; count--) {
        if (fork() == 0) {
            for (int i = 0; i < 1000; i++)
                free(malloc(50));
            _exit(0);
        }
        wait(NULL);
    }
}

static void aligned(void)
{
    void *out;
    free(aligned_alloc(64, 128));
    free(memalign(256, 100));
    free(valloc(10));
    free(pvalloc(10));
    if (posix_memalign(&out, 4096, 100000) == 0)
        free(out);
}

/* Close all, open a file under the first free number, and write to it in the end. */
static int own_file = -1;
static void close_all(void)
{
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    own_file = open("own", O_RDWR | O_CREAT | O_TRUNC, 0666);
}

static void call(const char *kind, int count)
{
    if (strcmp(kind, "pass") == 0)
        pass(count);
    else if (strcmp(kind, "fork") == 0)
        fork_children(count);
    else if (strcmp(kind, "close") == 0)
        close_all();
    else if (strcmp(kind, "exit") == 0)
        _exit(count);
    else if (strcmp(kind, "kill") == 0)
        raise(count);
    for (int i = 0; i < count; i++) {
        if (strcmp(kind, "malloc") == 0)
            block = malloc(i % 3000);
        else if (strcmp(kind, "calloc") == 0)
            block = calloc(i % 7, 100);
        else if (strcmp(kind, "pair") == 0)
            free(malloc(i % 3000));
        else if (strcmp(kind, "aligned") == 0)
            aligned();
        else if (strcmp(kind, "resize") == 0)
            free(reallocarray(realloc(realloc(NULL, 10), 20), 100, 1000));
        else if (strcmp(kind, "fails") == 0)
            free(realloc(block = malloc(10), (size_t)-1 / 2)), free(block);
        else if (strcmp(kind, "zero") == 0)
            block = realloc(malloc(10), 0);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *colon = strchr(argv[i], ':');
        *colon = '\0';
        call(argv[i], atoi(colon + 1));
    }
    return own_file < 0 || write(own_file, "mine", 4) == 4 ? 3 : 1;
}
PROGRAM
cc -O1 -pthread -fno-builtin -w -o known known.c || fail "cc known.c"

# record WHAT STATUS WORDS...: record ./known WORDS, or the program that they name, into `trace`.
record() {
    local what=$1 status=$2
    shift 2
    hakmem record -o trace -- "$@"
    expect_status "$status" "$what"
    expect_in err '^hakmem record: trace: [0-9]+ calls? of [0-9]+ threads?, [0-9.]+ [KMG]iB' "$what"
    CALLS=$(sed -nE 's/^hakmem record: trace: ([0-9]+) calls?.*/\1/p' err)
}

# Play the trace under libc and under ours; `counts` is what the replay says of it.
replay() {
    local preload
    for preload in "" "$LIBRARY"; do
        LD_PRELOAD=$preload timeout "$HANG" ./replay trace 3 all >played 2>err ||
            fail "$1: replay under '$preload': status $?, $(cat err)"
        expect_in played '^RESULT name=replay ops=' "$1"
        head -n 1 played >counts
    done
    [[ $(awk '{ print $1 + $3 + $5 + $7 + $9 }' counts) == "$CALLS" ]] ||
        fail "$1: recorded $CALLS calls, and the trace has $(cat counts)"
}

# count KIND: the number before this word.
count() {
    sed -nE "s/.*\b([0-9]+) $1\b.*/\1/p" counts
}

# What ./known does at its start and end.
record "nothing" 3 ./known
replay "nothing"
declare -A BEFORE
for kind in malloc calloc aligned realloc free; do
    BEFORE[$kind]=$(count $kind)
done

# expect WHAT MALLOC CALLOC ALIGNED REALLOC FREE: so many calls more.
expect() {
    local what=$1 kind more
    shift
    for kind in malloc calloc aligned realloc free; do
        more=$(($(count $kind) - BEFORE[$kind]))
        [[ $more == "$1" ]] || fail "$what: $more $kind more, not $1: $(cat counts)"
        shift
    done
}

known() {
    local words=$1
    # shellcheck disable=SC2086 # several words
    record "$words" 3 ./known $words
    replay "$words"
    shift
    expect "$words" "$@"
}

step "each kind of call"
known "malloc:1000" 1000 0 0 0 0
known "calloc:1000" 0 1000 0 0 0
known "pair:1000" 1000 0 0 0 1000
known "aligned:100" 0 0 500 0 500
known "resize:100" 100 0 0 200 100
known "zero:100" 100 0 0 0 100
known "fails:100" 100 0 0 0 100

step "threads: what one allocates, another resizes and frees"
record "pass" 3 ./known pass:50
replay "pass"
[[ $(count threads) == 51 ]] || fail "pass:50 has $(count threads) threads"
[[ $(count realloc) == $((BEFORE[realloc] + 1600)) ]] || fail "pass:50: $(cat counts)"
[[ $(($(count free) - BEFORE[free])) -ge 3200 ]] || fail "pass:50: $(cat counts)"

step "children, and programs that take the process over"
known "pair:10 fork:5 pair:10" 20 0 0 0 20
record "sh" 0 sh -c './known pair:5000; ./known pair:5000; true'
replay "sh"
[[ $(count malloc) -lt 5000 ]] || fail "sh: its children's calls too: $(cat counts)"
record "env" 3 env ./known pair:5000
replay "env"
expect "env" 5000 0 0 0 5000

step "a program that ends otherwise"
record "_exit" 4 ./known pair:1000 exit:4
replay "_exit"
[[ $(count malloc) == $((BEFORE[malloc] + 1000)) ]] || fail "_exit: $(cat counts)"
for signal in TERM KILL; do
    record "SIG$signal" $((128 + $(kill -l $signal))) ./known pair:1000 kill:"$(kill -l $signal)"
    replay "SIG$signal"
    [[ $(count malloc) == $((BEFORE[malloc] + 1000)) ]] || fail "SIG$signal: $(cat counts)"
done

step "a trace of many megabytes; the program closes every descriptor and uses its own"
known "close:1 malloc:50000 pair:1500000" 1550000 0 0 0 1500000
[[ $(cat own) == mine && $(stat -c %s own) == 4 ]] || fail "the program's file has $(head -c 99 own)"
[[ $(stat -c %s trace) -gt 8000000 ]] || fail "the trace has $(stat -c %s trace) bytes only"

step "a file that cannot grow: the program goes on, the trace is whole as far as it goes"
(ulimit -f 6000 && exec "$CLI" record -o trace ./known pair:1500000) >out 2>err
STATUS=$?
CALLS=$(sed -nE 's/^hakmem record: trace: ([0-9]+) calls?.*/\1/p' err)
expect_status 3 "ulimit -f"
expect_in err '^hakmem record: recording stops here: its file cannot grow$' "ulimit -f"
expect_in err ", not to the program's end\$" "ulimit -f"
replay "ulimit -f"

step "C++, and in front of the library"
cat >operators.cpp <<'PROGRAM'
#include <new>
struct alignas(64) line { char bytes[64]; };
void *volatile block;
int main()
{
    for (int i = 0; i < 100; i++) {
        block = new char[10];
        delete[] (char *)block;
        block = new (std::nothrow) int;
        delete (int *)block;
        block = new line;
        delete (line *)block;
        try {
            block = operator new(~(std::size_t)0 >> 1);
        } catch (std::bad_alloc &) {
            block = new long;
            delete (long *)block;
        }
    }
    return 3;
}
PROGRAM
c++ -std=c++17 -O1 -fno-builtin -w -o operators operators.cpp || fail "c++ operators.cpp"
for preload in "" "$LIBRARY"; do
    export LD_PRELOAD=$preload
    record "operators" 3 ./operators
    unset LD_PRELOAD
    replay "operators"
    [[ $(count aligned) == 100 ]] || fail "operators before '$preload': $(cat counts)"
    [[ $(count free) -ge 400 && $(count free) -lt 450 ]] ||
        fail "operators before '$preload': $(cat counts)"
    LD_PRELOAD=$preload record "pass" 3 ./known pass:3 resize:100 aligned:100
    replay "pass before '$preload'"
done

step "real programs: the same output, and a trace that can be played"
seq 20000 | sed 's/$/ &/' >numbers
while read -r words; do
    read -ra COMMAND <<<"$words"
    command -v "${COMMAND[0]}" >/dev/null || continue
    "${COMMAND[@]}" >expected 2>&1 || continue
    record "$words" 0 "${COMMAND[@]}"
    cmp -s expected out || fail "$words: another output"
    replay "$words"
done <<'COMMANDS'
sort -r numbers
perl -ne print+reverse($_) numbers
sqlite3 :memory: select(1+1)
python3 -c print(sorted(str(i)for(i)in(range(20000)))[7])
lua5.4 -e t={}for(i)=1,20000(do)t[i]=tostring(i)end
node -e console.log([...Array(20000).keys()].map(String).sort()[7])
gcc --version
COMMANDS

step "files that are no trace: one line"
record "pass" 3 ./known pass:5 pair:100 resize:10
expect_replay() {
    local line=$1
    shift
    timeout "$HANG" ./replay "$@" >out 2>err
    STATUS=$?
    expect_status 2 "replay $*"
    [[ $(cat err; echo .) == "$line"$'\n'. ]] || fail "replay $*: expected '$line', got '$(cat err)'"
}
expect_replay "replay: no trace given (see --help)"
expect_replay "replay: missing: No such file or directory" missing
expect_replay "replay: .: not a trace of hakmem record" .
expect_replay "replay: known.c: not a trace of hakmem record" known.c
: >empty
expect_replay "replay: empty: not a trace of hakmem record" empty
cp numbers long
expect_replay "replay: long: not a trace of hakmem record" long
{ head -c 8 trace; printf '\x09'; tail -c +10 trace; } >version
expect_replay "replay: version: a trace of version 9, expected 1" version
head -c 5000 trace >cut
expect_replay "replay: cut: cut off: 904 of $(($(stat -c %s trace) - 4096)) bytes of records" cut
expect_replay "replay: TOUCH must be one of pages, ends, all, not 'none'" trace 1 none
{ head -c 4096 trace; head -c "$(($(stat -c %s trace) - 4096))" /dev/zero; } >zeros
expect_replay "replay: zeros: damaged at byte 4096" zeros

number() {
    printf '%b' "\\x$(printf %x "$1")\\0\\0\\0\\0\\0\\0\\0"
}
# craft BYTES...: a trace of these records, hexadecimal, of two threads and one slot.
craft() {
    head -c 24 trace
    number $#
    number 0
    number 2
    number 1
    head -c 4096 trace | tail -c +57
    printf '%b' "${@/#/\\x}"
}
# 51 0: malloc of 10 bytes in slot 0; 5: free of slot 0; 7: a window; e: thread 1
craft 51 0 5 51 0 7 e 5 >good
timeout "$HANG" ./replay good >out 2>err || fail "a crafted trace: $(cat err)"
craft 51 0 e 5 >early
expect_replay "replay: early: damaged at byte 4098" early # a thread in the first window
craft 51 0 7 e 5 51 0 >refilled
expect_replay "replay: refilled: damaged at byte 4101" refilled # a slot refilled in its window
craft 51 0 5 5 >freed
expect_replay "replay: freed: damaged at byte 4099" freed
craft 51 0 51 >half
expect_replay "replay: half: damaged at byte 4098" half

step "one byte changed: played, or one line; it never hangs or crashes"
SIZE=$(stat -c %s trace)
for ((i = 0; i < 200; i++)); do
    AT=$((4096 + (i * 7919 + 13) % (SIZE - 4096)))
    cp trace changed
    printf '%b' "\\x$(printf %x $((i * 37 % 256)))" |
        dd of=changed bs=1 seek=$AT conv=notrunc status=none
    (ulimit -v 1000000 && exec timeout "$HANG" ./replay changed) >out 2>err
    STATUS=$?
    [[ $STATUS -le 2 && $(wc -l <err) -le 1 ]] ||
        fail "byte $AT changed to $((i * 37 % 256)): status $STATUS, $(cat err)"
done

step "where it cannot record: one line"
expect_line 2 "hakmem record: cannot write '/dev/null': not a regular file" record -o /dev/null ls
expect_line 2 "hakmem record: cannot write 'no/dir': No such file or directory" record -o no/dir ls
expect_line 127 "hakmem record: 'no-such-program': no such program" record no-such-program
[[ ! -e no-such-program.hmtrace ]] || fail "a program that is not there left a trace"
if cc -O1 -static -pthread -w -o static known.c 2>static.txt; then
    expect_line 3 "hakmem record: nothing recorded of './static': it is statically linked" \
        record ./static
fi
step "where nothing is recorded, a file stays as it was"
printf old >kept
chmod 640 kept
ln -s kept link
hakmem record -o kept -- ./no-such-program
expect_status 127 "hakmem record of no program"
if [[ -x static ]]; then
    hakmem record -o link -- ./static
    expect_status 3 "hakmem record of a static program"
    hakmem record -o fresh -- ./static
    [[ ! -e fresh ]] || fail "a file was left where nothing was recorded"
fi
[[ $(cat kept) == old ]] || fail "the old file has '$(head -c 99 kept)'"
hakmem record -o link -- ./known
[[ -L link && $(stat -c %a kept) == 640 && $(wc -c <kept) -gt 3 ]] || fail "link: $(ls -l)"
[[ $(echo kept* link*) == "kept link" ]] || fail "left behind: $(echo kept* link*)"
hakmem record -o $'a\e[2J\xe2\x80\xaeb' -- ./known
expect_in err '^hakmem record: a\?\[2J\?b: [0-9]+ calls' "a name that is not printable"

hakmem record ./known
[[ -s known.hmtrace ]] || fail "no known.hmtrace"
expect_no_leftovers "hakmem record"
