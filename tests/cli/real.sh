# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem run` on the library itself: the report's figures are those of a program
# whose blocks, threads and children are known, and real programs do what they do without it.

source "$(dirname "$0")/lib.bash"
[[ -f $(dirname "$CLI")/libhakmem.so ]] || fail "no libhakmem.so beside $CLI"

cat >holder.c <<'PROGRAM'
/* Holds, at its end, COUNT blocks of each size in its arguments SIZE:COUNT, every byte written;
 * threads:N leaves N threads with a cache, fork:N has had N children, _exit:N ends without exit. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t barrier;
void *volatile held;

static void hold(size_t size, size_t count)
{
    for (; count > 0; count--)
        memset(held = malloc(size), 0x5a, size);
}

static void *wait_holding(void *unused)
{
    hold(100, 1);
    pthread_barrier_wait(&barrier);
    pause();
    return unused;
}

static void start_threads(unsigned count)
{
    pthread_barrier_init(&barrier, NULL, count + 1);
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, wait_holding, NULL) != 0)
            abort();
    }
    pthread_barrier_wait(&barrier);
}

static void start_children(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (fork() == 0)
            exit(0);
        wait(NULL);
    }
}

int main(int argc, char **argv)
{
    hold(100, 1);
    for (int i = 1; i < argc; i++) {
        unsigned count = (unsigned)atoi(strchr(argv[i], ':') + 1);
        if (strncmp(argv[i], "threads", 7) == 0)
            start_threads(count);
        else if (strncmp(argv[i], "fork", 4) == 0)
            start_children(count);
        else if (strncmp(argv[i], "_exit", 5) == 0)
            _exit((int)count);
        else
            hold((size_t)atol(argv[i]), count);
    }
    return 0;
}
PROGRAM
cc -O1 -pthread -o holder holder.c || fail "cc holder.c"

# run WORDS...: a run whose report must be complete; it stays in `err`.
run() {
    hakmem run "$@"
    expect_status 0 "hakmem run $*"
    expect_in err '^libc      [0-9]+ calls handed over$' "hakmem run $*"
    expect_narrow err "hakmem run $*"
    expect_no_leftovers "hakmem run $*"
}

# field LABEL EXPRESSION: the number that the expression's group matches in the labelled line.
field() {
    local value
    value=$(sed -nE "s/^ *$1 +$2.*/\1/p" err)
    [[ -n $value ]] || fail "no number after $1 in: $(cat err)"
    echo "$value"
}

blocks_of() {
    field "$1" '[0-9.]+ [KMGTPEi]*B +([0-9]+)'
}

live_bytes() {
    field live '[^(]*\(([0-9]+) bytes\)'
}

step "each lane's blocks: exactly those that the program holds more than another run of it"
declare -A BEFORE
run ./holder
for lane in Tiny Pool ACE Huge; do
    BEFORE[$lane]=$(blocks_of $lane) || exit 1
done
BYTES=$(live_bytes) || exit 1
run ./holder 100:1000 1024:10 1025:7 10000:100 53248:1 53249:1 100000:10 2097152:1 2097153:1 \
    10485760:3
for pair in Tiny:1010 Pool:108 ACE:12 Huge:4; do
    lane=${pair%:*}
    MORE=$(($(blocks_of "$lane") - BEFORE[$lane]))
    [[ $MORE == "${pair#*:}" ]] || fail "$lane: $MORE blocks more, not ${pair#*:}"
done
HELD=$((1000 * 100 + 10 * 1024 + 7 * 1025 + 100 * 10000 + 53248 + 53249 + 10 * 100000 + 2097152 +
    2097153 + 3 * 10485760))
MORE=$(($(live_bytes) - BYTES))
[[ $MORE -ge $HELD && $MORE -le $((HELD * 5 / 4)) ]] || fail "$MORE bytes more are live, not $HELD"
RSS=$(field RSS '([0-9]+)\.[0-9] MiB peak') || exit 1
[[ $RSS -ge $((HELD >> 20)) ]] || fail "peak RSS $RSS MiB with $HELD bytes written"
RSS=$(field RSS '[0-9.]+ MiB peak, ([0-9]+)\.[0-9] MiB at exit') || exit 1
[[ $RSS -ge $((HELD >> 20)) ]] || fail "RSS at exit $RSS MiB with $HELD bytes written"
SHARES=$(awk '$1 ~ /^(Tiny|Pool|ACE|Huge)$/ { sum += $5 } END { print int(sum + 0.5) }' err)
[[ $SHARES == 100 ]] || fail "the lanes' shares sum up to $SHARES %"

step "threads and children"
run ./holder
[[ $(field threads '([0-9]+) with') == 1 ]] || fail "one thread: $(grep ^threads err)"
run ./holder threads:3
[[ $(field threads '([0-9]+) with') == 4 ]] || fail "four threads: $(grep ^threads err)"
run ./holder fork:3
expect_in err '^processes 4; ' "three children"

step "hand-overs to libc"
run ./holder 100:1000
[[ $(field libc '([0-9]+) calls') == 0 ]] || fail "hand-overs: $(sed -n '/^libc/,$p' err)"
run --set FORCE_LIBC_ALLOC=1 ./holder 100:1000
[[ $(field force_libc '([0-9]+)') -ge 1001 ]] || fail "all to libc: $(sed -n '/^libc/,$p' err)"
[[ $(live_bytes) == 0 ]] || fail "all to libc, and $(live_bytes) bytes are live here"

step "no report: _exit, SIGKILL, a static program"
hakmem run ./holder _exit:3
expect_status 3 "_exit"
expect_in err '^report    none: it ended by _exit, ' "_exit"
hakmem run sh -c 'kill -KILL $$'
expect_status 137 "SIGKILL"
expect_in err '^report    none: killed ' "SIGKILL"
if ((EUID == 0)); then
    cp holder raised
    chown 1:1 raised
    chmod 6755 raised
    hakmem run ./raised
    expect_in err '^report    none: it is set-user-ID: the loader ignores LD_PRELOAD$' "set-user-ID"
fi
if printf 'int main(void) { return 0; }' | cc -m32 -x c - -o short 2>/dev/null; then
    hakmem run ./short
    expect_in err '^report    none: it is no program of 64 bits, ' "a program of 32 bits"
fi
if cc -O1 -static -pthread -o static holder.c 2>static.txt; then
    hakmem run ./static
    expect_status 0 "a static program"
    expect_in err '^report    none: it is statically linked$' "a static program"
    cc -O1 -static -pthread -w -o static_ours holder.c "$(dirname "$CLI")/libhakmem.a" 2>/dev/null ||
        fail "holder.c does not link with libhakmem.a"
    strip static_ours
    hakmem run ./static_ours
    expect_in err '^report    none: it is statically linked with HAKMEM, and then leaves none;$' \
        "a program with libhakmem.a"
    expect_in err '^ +its heap: hakmem run --report, or hakmem stats while it runs$' "how to see it"
    expect_narrow err "a program with libhakmem.a"
else
    echo "   no static libc here: $(head -n 1 static.txt)"
fi

step "real programs: the same output as without the allocator"
seq 200000 | sed 's/$/ &/' >numbers
for words in "sort -r numbers" "gzip -c numbers" "perl -ne print+reverse(\$_) numbers" \
    "awk {a[\$1%97]+=\$1}END{for(i=0;i<97;i++)print+a[i]} numbers"; do
    read -ra COMMAND <<<"$words"
    "${COMMAND[@]}" >expected || fail "$words"
    run "${COMMAND[@]}"
    cmp -s expected out || fail "$words: another output on the allocator"
done
run bash -c 'sort -r numbers | gzip -c | gunzip -c'
cmp -s <(sort -r numbers) out || fail "sort | gzip | gunzip: another output on the allocator"
[[ $(field processes '([0-9]+); ') -ge 4 ]] || fail "sort | gzip | gunzip: $(grep processes err)"
run env ./holder
expect_in err '^program   env, pid [0-9]+, ended as holder$' "env holder"
