# SPDX-License-Identifier: MIT
#
# Owns the check that the advice of `hakmem run --report` fits what a program really does: a program
# for each piece of advice, and one like it for which the advice would be wrong. The figures alone
# are tests/cli/heap_advice.c's. The programs go on when they have been looked at, and hold what they
# have for as many looks as there were before, so that nothing depends on time.

source "$(dirname "$0")/lib.bash"
[[ -f $(dirname "$CLI")/libhakmem.so ]] || { echo "SKIP: no libhakmem.so"; exit 77; }
command -v cc >/dev/null || { echo "SKIP: no C compiler"; exit 77; }

cat >work.c <<'C'
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "looks.h"

#define MIB ((size_t)1 << 20)
#define COUNT 60000

static long first_sleep;
static char *blocks[COUNT];

static void *touched(size_t size)
{
    char *block = malloc(size);
    return memset(block, 1, size);
}

/* More looks than there have been. */
static void hold(void)
{
    wait_for_looks((int)(parent_sleeps() - first_sleep) + 20);
}

/* 30 MiB of exactly the size of a class. */
static void full(void)
{
    for (int i = 0; i < 500000; i++)
        touched(64);
}

/* One block of each page stays; or all are used again. */
static void sparse(int is_reused)
{
    for (int i = 0; i < COUNT; i++)
        blocks[i] = touched(1000);
    wait_for_looks(3);
    for (int i = 0; i < COUNT; i++)
        if ((uintptr_t)blocks[i] % 4096 >= 1024) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
    wait_for_looks(3);
    for (int i = 0; is_reused && i < COUNT; i++)
        touched(1000);
}

/* A MiB more at each look, for the first `steps`. */
static void grow(int steps)
{
    for (int i = 0; i < steps; i++) {
        blocks[i] = touched(MIB);
        wait_for_looks(1);
    }
}

/* Free all at the end of the life: no look but the one at the exit sees that. */
static void clear(void)
{
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
}

/* 20 MiB that stay, and 40 that were freed. */
static void wait_for_age(void)
{
    touched(20 * MIB);
    free(touched(40 * MIB));
}

static void others(void)
{
    void *area = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 1, 64 * MIB);
    touched(MIB);
}

/* Many pages, each touched once. */
static void fresh(void)
{
    for (int i = 0; i < 300; i++)
        touched(MIB);
}

static pthread_barrier_t is_filled;

/* Blocks of many classes, each some times: a cache grows with what passes it. */
static void *fill_cache(void *unused)
{
    static __thread char *own[32][256];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 256; i++)
            for (int size = 0; size < 32; size++)
                own[size][i] = touched(64 * (size_t)(size + 1));
        for (int i = 0; i < 256; i++)
            for (int size = 0; size < 32; size++)
                free(own[size][i]);
    }
    pthread_barrier_wait(&is_filled);
    for (;;) { /* not idle: what idle threads cache is taken from them */
        free(malloc(1000));
        usleep(1000);
    }
    return unused;
}

static void cached(void)
{
    pthread_t thread;
    pthread_barrier_init(&is_filled, NULL, 9);
    for (int i = 0; i < 8; i++)
        pthread_create(&thread, NULL, fill_cache, NULL);
    pthread_barrier_wait(&is_filled);
}

int main(int argc, char **argv)
{
    const char *work = argc > 1 ? argv[1] : "";
    first_sleep = parent_sleeps();
    if (strcmp(work, "grow") == 0) {
        grow(60);
        return 0;
    }
    if (strcmp(work, "freed") == 0) {
        grow(60);
        clear();
        return 0;
    }
    if (strcmp(work, "full") == 0)
        full();
    else if (strcmp(work, "sparse") == 0)
        sparse(0);
    else if (strcmp(work, "cleared") == 0)
        sparse(0);
    else if (strcmp(work, "reused") == 0)
        sparse(1);
    else if (strcmp(work, "plateau") == 0)
        grow(30);
    else if (strcmp(work, "age") == 0)
        wait_for_age();
    else if (strcmp(work, "others") == 0)
        others();
    else if (strcmp(work, "fresh") == 0)
        fresh();
    else if (strcmp(work, "cached") == 0)
        cached();
    hold();
    if (strcmp(work, "cleared") == 0)
        clear();
    return 0;
}
C
cc -I "$SOURCE/tests/cli/programs" -O1 -fno-builtin -pthread work.c -o work || fail "work.c"

# advice WORK SETTINGS...: the lines of the page on this program, behind the first, go to `advice`.
advice() {
    local work=$1
    shift
    hakmem run --report page.html "$@" -- ./work "$work"
    expect_status 0 "work $work"
    plain page.html | sed -n '/id="advice"/,/<\/section>/p' | grep -o '<p>.*</p>' >advice
}

# expect_advice WHAT PATTERN: this is the only advice.
expect_advice() {
    expect_in advice "$2" "the advice for $1"
    [[ $(wc -l <advice) == 1 ]] || fail "$1: more advice than one: $(cat advice)"
}

# expect_growth WHAT: the only advice is about growth: of the heap, and of the stack that grows.
expect_growth() {
    expect_in advice 'Live memory grew from [0-9.]+ s to [0-9.]+ s without levelling off: .* a '\
'second\. .* is in blocks of 1048576 bytes\. .* saves [0-9.]+ MiB here' "the advice for $1"
    expect_in advice '^<p>Memory that was asked for in touched, called by grow, never stopped growing: from '\
'[0-9.]+ ([KM]i)?B at [0-9.]+ s to [0-9.]+ MiB at [0-9.]+ s, [0-9.]+ [MG]iB a (minute|second)\. ' "the stack of $1"
    [[ $(wc -l <advice) == 2 ]] || fail "$1: other advice: $(cat advice)"
}

expect_nothing() {
    expect_advice "$1" '^<p>Nothing stands out: at the peak, [0-9.]+ % of what was resident was in '\
'blocks that the program held, [0-9.]+ % was not the heap.s, and most of the rest, [0-9.]+ %, was '
}

step "a program that has what it asked for"
advice full
expect_nothing full

step "free memory beside live blocks"
advice sparse --set DECAY_MS=0
expect_advice sparse 'at least [0-9.]+ MiB, [0-9]+ % of what was resident, was free inside slabs '\
'that still held .* beside blocks of 1024 bytes. Of these blocks, 2[0-9]\.[0-9] % were live.*up to [0-9.]+ MiB less'
advice cleared --set DECAY_MS=0
expect_advice cleared 'was free inside slabs that still held a live block'
advice reused --set DECAY_MS=0
expect_nothing reused

step "growth without end"
# each block is sampled: no chance is left
advice grow --set PROFILE_INTERVAL=16K
expect_growth grow
advice grow --no-profile
expect_advice "grow without a profile" 'Live memory grew from [0-9.]+ s to [0-9.]+ s without levelling off: '
advice plateau
expect_nothing plateau
advice freed --set PROFILE_INTERVAL=16K
expect_growth freed

step "free memory that waits for its age"
advice age --set DECAY_MS=3600000
expect_advice age 'at least [0-9.]+ MiB, .* was free and kept for reuse\. HAKMEM_DECAY_MS keeps it '\
'3600000 ms\. With HAKMEM_DECAY_MS=10* and HAKMEM_BACKGROUND=1, up to [0-9.]+ MiB less'
advice age --set DECAY_MS=20
expect_advice "age, beyond its time" 'was free and kept for reuse\. Only calls of free give memory back.* With '\
'HAKMEM_BACKGROUND=1, a helper thread .* free for 20 ms .*: up to [0-9.]+ MiB less'
advice age --set DECAY_MS=0
expect_nothing "age, at once"

step "pages that are touched once are no reason to keep them longer"
advice fresh --set SS_PREFAULT=0 --set HUGE_PAGES=off
expect_nothing fresh

step "caches of threads"
advice cached --set DECAY_MS=0
# not alone: on a slow machine the first rounds' page faults may be worth a word too
expect_in advice 'at least [0-9.]+ MiB, .* was in the caches of [89] threads\. '\
'HAKMEM_CACHES_TOTAL_MAX bounds that \(16\.0 MiB now\): with [0-9]+[MK], up to [0-9.]+ [MK]iB less' \
    'the advice for cached'
advice cached --set CACHES_TOTAL_MAX=1M --set DECAY_MS=0
! grep -q 'caches of' advice || fail "caches that are small: $(cat advice)"

step "memory that is not the heap's"
advice others
expect_advice others "is not the heap's: code, stacks.*No malloc can save more than the other [0-9.]+ "
