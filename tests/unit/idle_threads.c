/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/idle_threads.c: blocks are taken from another thread's bins whatever it does,
 * asleep or not, but never from a slow path; a pop and a push that stand still in the middle are
 * completed; what was taken leaves a gap, which the thread closes; without a barrier nothing is
 * taken; a child made in the middle of a visit puts the bottoms back. The fast path's halves are
 * written out here, so that the test decides what lies between them.
 */
#include "unit/unit.h"

#include "front/idle_threads.h"
#include "front/route.h"
#include "front/unified_cache.h"

#include <sched.h>

#define BLOCKS 30
#define CLASS 12

/* ---- the other thread ---- */

static _Atomic int stage;
static struct thread_cache *cache;

static void *allocate(void)
{
    size_t size = size_classes[CLASS].size;
    void *block = front_alloc(size);
    return block ? block : route_alloc(size, false);
}

static void release(void *block)
{
    if (!front_free(block))
        CHECK(route_free(block));
}

/* Leaves BLOCKS blocks in the bin. */
static void fill_bin(void)
{
    void *blocks[BLOCKS];
    cache = thread_cache_get();
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = allocate();
    for (unsigned i = 0; i < BLOCKS; i++)
        release(blocks[i]);
    unified_cache_leave(unified_cache_enter());
    CHECK(bin_count(cache, CLASS) >= BLOCKS);
}

/* What is handed out from here on is handed out once. */
static void check_distinct(void *first)
{
    static void *blocks[4 * BLOCKS];
    blocks[0] = first ? first : allocate();
    for (unsigned i = 1; i < 4 * BLOCKS; i++) {
        blocks[i] = allocate();
        CHECK(blocks[i] != NULL);
        for (unsigned j = 0; j < i; j++)
            CHECK(blocks[i] != blocks[j]);
    }
    for (unsigned i = 0; i < 4 * BLOCKS; i++)
        release(blocks[i]);
}

static void wait_for(int wanted)
{
    while (stage < wanted)
        usleep(100);
}

static void spin_until(int wanted)
{
    while (stage < wanted)
        ;
}

/* ---- the visitor ---- */

static size_t blocks_out(void)
{
    struct pool_figures figures = {0};
    CHECK_EQ(pool_check(&shared_pool), 0);
    pool_count(&shared_pool, CLASS, &figures);
    return figures.blocks_out;
}

static void take(void)
{
    CHECK_EQ(idle_threads_take(true).fault, FAULT_NONE);
}

static void take_twice(void)
{
    take();
    take();
}

/* Run `body` in a thread that has a full bin; `empty` it at stage 1, and let it go on. Returns
 * the blocks that were out after that. */
static size_t taken_by(void (*empty)(void), void *(*body)(void *))
{
    pthread_t thread;
    stage = 0;
    CHECK_EQ(pthread_create(&thread, NULL, body, NULL), 0);
    wait_for(1);
    empty();
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    size_t out = blocks_out();
    stage = 2;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    CHECK_EQ(blocks_out(), 0);
    return out;
}

static void *sleeps(void *unused)
{
    fill_bin();
    stage = 1;
    wait_for(2);
    CHECK_EQ(bin_count(cache, CLASS), 1);
    CHECK(cache->has_gaps && cache->taken[CLASS] >= BLOCKS - 1);
    check_distinct(NULL);
    CHECK(!cache->has_gaps && cache->taken[CLASS] == 0);
    unified_cache_thread_exit();
    return unused;
}

static void *sleeps_and_ends(void *unused)
{
    fill_bin();
    stage = 1;
    wait_for(2);
    unified_cache_thread_exit();
    return unused;
}

static void *spins(void *unused)
{
    fill_bin();
    stage = 1;
    spin_until(2);
    check_distinct(NULL);
    unified_cache_thread_exit();
    return unused;
}

/* As if its slow path slept, for a lock or in the kernel. */
static void *sleeps_in_a_slow_path(void *unused)
{
    fill_bin();
    struct thread_cache *entered = unified_cache_enter();
    CHECK_EQ(thread_cache_distance, 0);
    CHECK_EQ(lock_depth, 1);
    stage = 1;
    wait_for(2);
    CHECK(bin_count(cache, CLASS) >= BLOCKS);
    unified_cache_leave(entered);
    CHECK_EQ(lock_depth, 0);
    check_distinct(NULL);
    unified_cache_thread_exit();
    return unused;
}

static void *sleeps_in_a_pop(void *unused)
{
    fill_bin();
    void **top = word_load(&cache->top[CLASS]);
    CHECK(top > word_load(&cache->bottom[CLASS]));
    stage = 1;
    wait_for(2);
    word_store(&cache->top[CLASS], top - 1);
    check_distinct(top[-1]);
    unified_cache_thread_exit();
    return unused;
}

static void *sleeps_after_a_pops_store(void *unused)
{
    fill_bin();
    void **top = word_load(&cache->top[CLASS]);
    word_store(&cache->top[CLASS], top - 1);
    stage = 1;
    wait_for(2);
    check_distinct(top[-1]);
    unified_cache_thread_exit();
    return unused;
}

static void *sleeps_in_a_push(void *unused)
{
    fill_bin();
    void *block = allocate();
    void **top = word_load(&cache->top[CLASS]);
    CHECK(top < cache->limit[CLASS]);
    stage = 1;
    wait_for(2);
    *top = block;
    word_store(&cache->top[CLASS], top + 1);
    check_distinct(NULL);
    unified_cache_thread_exit();
    return unused;
}

/* Has compared with the bottom as it was, which the visitor raises; the rest of the bin goes to
 * others by its own pops meanwhile. At the end it is at the block below the raised bottom. */
static void *popped_meanwhile;
static bool pop_at_barrier(enum os_call call)
{
    static unsigned barriers;
    if (call == OS_CALL_BARRIER && ++barriers == 2) { /* the bottom is raised */
        void **top = word_load(&cache->top[CLASS]);
        word_store(&cache->top[CLASS], top - 1);
        popped_meanwhile = top[-1];
    }
    return false;
}

static void take_with_a_pop_meanwhile(void)
{
    os_inject_failure = pop_at_barrier;
    take();
    os_inject_failure = NULL;
}

static void *sleeps_with_a_pop_meanwhile(void *unused)
{
    fill_bin();
    stage = 1;
    wait_for(2);
    CHECK(!cache->has_gaps);
    check_distinct(popped_meanwhile);
    unified_cache_thread_exit();
    return unused;
}

/* After a visit it uses the bin by the fast path alone, and is visited again. */
static void *is_visited_again(void *unused)
{
    fill_bin();
    stage = 1;
    wait_for(2);
    return unused;
}

static void visit_again(void)
{
    void **bottom = cache->bottom[CLASS];
    take();
    CHECK(cache->bottom[CLASS] > bottom);
    CHECK_EQ(bin_count(cache, CLASS), 1);
    take(); /* nothing is left to take */
    CHECK_EQ(bin_count(cache, CLASS), 1);
    CHECK(cache->bottom[CLASS] - cache->taken[CLASS] == bottom);
}

/* ---- tests ---- */

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = 3600000;
    return reservation_make() ? 0 : -1;
}

static void test_taken(void **state)
{
    (void)state;
    CHECK_EQ(taken_by(take, sleeps), 1);
    CHECK_EQ(taken_by(take, sleeps_and_ends), 1);
    CHECK_EQ(taken_by(take_twice, sleeps), 1);
    CHECK_EQ(taken_by(take, spins), 1);
    CHECK(taken_by(take, sleeps_in_a_slow_path) >= BLOCKS);
}

static void test_in_the_middle(void **state)
{
    (void)state;
    CHECK_EQ(taken_by(take, sleeps_in_a_pop), 1);
    CHECK_EQ(taken_by(take_twice, sleeps_in_a_pop), 1);
    CHECK_EQ(taken_by(take, sleeps_after_a_pops_store), 2);
    CHECK_EQ(taken_by(take_twice, sleeps_after_a_pops_store), 2);
    CHECK_EQ(taken_by(take, sleeps_in_a_push), 2);
    CHECK_EQ(taken_by(take_twice, sleeps_in_a_push), 2);
    CHECK(taken_by(take_with_a_pop_meanwhile, sleeps_with_a_pop_meanwhile) >= BLOCKS);
}

static void test_gap(void **state)
{
    (void)state;
    pthread_t thread;
    stage = 0;
    CHECK_EQ(pthread_create(&thread, NULL, is_visited_again, NULL), 0);
    wait_for(1);
    visit_again();
    stage = 2;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    unified_cache_reap(); /* it has ended without a word */
    unified_cache_empty();
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
}

/* A thread is idle when two looks have found it as the one before. */
static void take_from_the_idle(void)
{
    size_t before = blocks_out();
    for (unsigned look = 0; look < 3; look++) {
        CHECK_EQ(blocks_out(), before);
        CHECK_EQ(idle_threads_take(false).fault, FAULT_NONE);
    }
    CHECK(blocks_out() < before);
}

static void test_idle(void **state)
{
    (void)state;
    CHECK_EQ(taken_by(take_from_the_idle, sleeps), 1);
}

static unsigned failing_barrier;
static unsigned barriers;

static bool fail_barrier(enum os_call call)
{
    return call == OS_CALL_BARRIER && ++barriers == failing_barrier;
}

static void take_without_barrier(void)
{
    void **bottom = cache->bottom[CLASS];
    for (failing_barrier = 1; failing_barrier <= 3; failing_barrier++) {
        barriers = 0;
        os_inject_failure = fail_barrier;
        take();
        os_inject_failure = NULL;
        CHECK_EQ(barriers, failing_barrier);
        CHECK(cache->bottom[CLASS] == bottom && cache->taken[CLASS] == 0);
    }
}

static void test_no_barrier(void **state)
{
    (void)state;
    CHECK(taken_by(take_without_barrier, spins) >= BLOCKS);
}

/* ---- fork in the middle of a visit ---- */

static void check_copy(void)
{
    cache->lock = (struct lock){0};
    stage = 2;
    idle_threads_wait(cache); /* as its thread would */
    CHECK(bin_count(cache, CLASS) >= BLOCKS);
    CHECK_EQ(cache->taken[CLASS], 0);
    CHECK(!atomic_load(&cache->is_visited));
}

static bool fork_at_barrier(enum os_call call)
{
    if (call == OS_CALL_BARRIER) {
        barriers++;
        os_inject_failure = NULL;
        CHECK_CHILD(check_copy);
        os_inject_failure = fork_at_barrier;
    }
    return false;
}

static void take_with_forks(void)
{
    barriers = 0;
    os_inject_failure = fork_at_barrier;
    take();
    os_inject_failure = NULL;
    CHECK_EQ(barriers, 3);
}

static void test_fork(void **state)
{
    (void)state;
    CHECK_EQ(taken_by(take_with_forks, spins), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),      cmocka_unit_test(test_in_the_middle),
        cmocka_unit_test(test_gap),        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_no_barrier), cmocka_unit_test(test_fork),

    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
