/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/background.c: when there is a helper, that it works while the program is idle and
 * ends when there is nothing to do, that slow paths do the work without it, and a forked child.
 */
#include "unit/own_cache.h"

#include "front/background.h"
#include "slab/space.h"

#define RUNS 4

static void make(int64_t background)
{
    settings.decay_ms = 20;
    settings.background = background;
    CHECK(reservation_make());
}

/* Grow to more than two superslabs, and leave them warm. */
static void grow(void)
{
    struct slab *runs[RUNS];
    bool is_zero;
    for (unsigned i = 0; i < RUNS; i++) {
        runs[i] = slab_run_take(SLABS_PER_SUPERSLAB, &is_zero);
        CHECK(runs[i] != NULL);
        memset(runs[i]->start, 1, SUPERSLAB_SIZE);
    }
    for (unsigned i = 0; i < RUNS; i++)
        slab_run_give(runs[i]);
    CHECK(space_warm_slabs() > 0);
}

/* Nothing warm is left, by polls of this thread or without them. */
static void wait_for_purge(bool is_polling)
{
    for (uint64_t end = os_now_ms() + 1000 * HANG_SECONDS;
         space_warm_slabs() > 0 && os_now_ms() < end;)
        if (is_polling)
            background_poll();
        else
            usleep(1000);
    CHECK_EQ(space_warm_slabs(), 0);
}

static void wait_for_end(void)
{
    for (uint64_t end = os_now_ms() + 1000 * HANG_SECONDS;
         os_helper_is_running() && os_now_ms() < end;)
        usleep(1000);
    CHECK(!os_helper_is_running());
}

static void by_slow_paths(void)
{
    make(CHOICE_NO);
    background_allow();
    grow();
    wait_for_purge(true);
    CHECK(!os_helper_is_running());
}

static void poll_without(void)
{
    for (unsigned i = 0; i < 10; i++)
        background_poll();
    CHECK(!os_helper_is_running());
}

/* Each reason against a helper alone. */
static void not_wanted(void)
{
    make(CHOICE_YES);
    background_allow();
    poll_without(); /* the heap is small */
    grow();
    settings.decay_ms = -1;
    poll_without();
    settings.decay_ms = 20;
    settings.bench_fast_mode = 1;
    poll_without();
}

static void not_allowed(void)
{
    make(CHOICE_YES);
    grow();
    poll_without();
    wait_for_purge(true);
    CHECK(!os_helper_is_running());
}

static void by_helper(void)
{
    make(CHOICE_YES);
    background_allow();
    grow();
    background_poll();
    CHECK(os_helper_is_running());
    wait_for_purge(false);
    wait_for_end(); /* and only then */
    grow();
    background_poll(); /* and again */
    CHECK(os_helper_is_running());
    wait_for_purge(false);
}

static void in_child(void)
{
    background_reset_in_child();
    settings.decay_ms = 20;
    decay_clock.next_ms = os_now_ms();
    CHECK(!os_helper_is_running());
    grow();
    background_poll();
    CHECK(os_helper_is_running());
    wait_for_purge(false);
}

static void forked(void)
{
    make(CHOICE_YES);
    settings.decay_ms = 3600000; /* the helper sleeps while the child is made: its state is whole */
    background_allow();
    grow();
    background_poll();
    CHECK(os_helper_is_running());
    CHECK_CHILD(in_child);
}

/* ---- others' bins ---- */

static _Atomic int stage;
static struct thread_cache *of_other;

static void *sleep_with_bin(void *unused)
{
    void *blocks[20];
    for (unsigned i = 0; i < 20; i++)
        blocks[i] = alloc_class(20);
    for (unsigned i = 0; i < 20; i++)
        free_class(20, blocks[i]);
    of_other = own_cache();
    stage = 1;
    while (stage < 2)
        usleep(100);
    unified_cache_thread_exit();
    return unused;
}

static void others(void)
{
    pthread_t thread;
    make(CHOICE_NO);
    settings.decay_ms = 3600000;
    free_class(20, alloc_class(20));
    background_empty_others(); /* there are none */
    CHECK(!word_load(&own_cache()->is_to_empty));
    CHECK(count_of(20) > 0);
    CHECK_EQ(pthread_create(&thread, NULL, sleep_with_bin, NULL), 0);
    while (stage < 1)
        usleep(100);
    CHECK(bin_count(of_other, 20) >= 20);
    background_empty_others();
    CHECK(bin_count(of_other, 20) <= 1); /* the youngest stays until its next slow path */
    CHECK(word_load(&of_other->is_to_empty));
    CHECK(count_of(20) > 0); /* this thread's own stay */
    stage = 2;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    check_structure();
}

CHILD_TEST(by_slow_paths)
CHILD_TEST(not_wanted)
CHILD_TEST(not_allowed)
CHILD_TEST(others)

static void test_helper(void **state)
{
    (void)state;
    if (UNIT_SANITIZED || os_is_filtered())
        skip(); /* there is none */
    CHECK_CHILD(by_helper);
    CHECK_CHILD(forked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_slow_paths), cmocka_unit_test(test_not_wanted),
        cmocka_unit_test(test_not_allowed),   cmocka_unit_test(test_others),
        cmocka_unit_test(test_helper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
