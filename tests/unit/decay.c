/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/decay.c: when an epoch begins, for one thread alone; what is counted of purged
 * pages; and the lock. The clock is set by hand, so that no test waits for it.
 */
#include "unit/unit.h"

#include "slab/decay.h"

#define PAGES 16

/* An epoch of 10 ms that has begun `ms` ago. */
static void begin_ago(uint64_t ms)
{
    settings.decay_ms = 36;
    decay_clock.next_ms = os_now_ms() + 10 - ms;
}

static void test_epochs(void **state)
{
    (void)state;
    uint8_t epoch = decay_epoch();
    settings.decay_ms = 3600000;
    CHECK_EQ(decay_begin_epoch(), 0); /* the first look only starts the clock */
    CHECK(decay_clock.next_ms > 0);
    CHECK_EQ(decay_begin_epoch(), 0);
    CHECK_EQ(decay_epoch(), epoch);
    begin_ago(10);
    CHECK(decay_begin_epoch() >= 1);
    CHECK(decay_clock.next_ms > 0 && (uint8_t)(decay_epoch() - epoch) >= 1);
    /* however late: no more than a decay time and the epoch that begins */
    epoch = decay_epoch();
    begin_ago(100000);
    CHECK_EQ(decay_begin_epoch(), 1 + EPOCHS_PER_DECAY);
    CHECK_EQ((uint8_t)(decay_epoch() - epoch), 1 + EPOCHS_PER_DECAY);
}

/* The time to the next epoch is never 0, and never longer than an epoch. */
static void test_sleep(void **state)
{
    (void)state;
    begin_ago(100);
    CHECK_EQ(decay_ms_to_epoch(), 1);
    decay_clock.next_ms = UINT64_MAX / 2;
    CHECK_EQ(decay_ms_to_epoch(), 11);
    settings.decay_ms = -1; /* caches age all the same */
    CHECK_EQ(decay_ms_to_epoch(), 251);
    settings.decay_ms = 0;
    CHECK_EQ(decay_ms_to_epoch(), 251);
}

static _Atomic unsigned winners;

static void *begin(void *number)
{
    (void)number;
    if (decay_begin_epoch() > 0)
        winners++;
    return NULL;
}

static void test_one_begins(void **state)
{
    (void)state;
    settings.decay_ms = 3600000;
    for (unsigned i = 1; i <= 20; i++) {
        decay_clock.next_ms = os_now_ms();
        unit_run_threads(begin);
        CHECK_EQ(winners, i);
    }
}

static bool fail_purge(enum os_call call)
{
    errno = EINVAL;
    return call == OS_CALL_PURGE;
}

/* Bytes are counted as purged whether they were present or not, and as returned if they were, and
 * if somebody has asked. */
static void test_purge(void **state)
{
    size_t size = PAGES * os_page_size();
    (void)state;
    char *start = os_reserve(size);
    CHECK(start != NULL);
    memset(start, 1, size);
    CHECK(decay_purge(start, size, false));
    CHECK(unit_is_zero(start, size));
    CHECK_EQ(decay_purged_bytes(), size);
    CHECK_EQ(decay_returned_bytes(), 0);
    decay_count(true);
    CHECK(decay_purge(start, size, true));
    CHECK_EQ(decay_purged_bytes(), 2 * size);
    uint64_t returned = decay_returned_bytes(); /* reading them may have made them present */
    CHECK(decay_purge(start, size, false));
    CHECK_EQ(decay_returned_bytes(), returned);
    memset(start, 1, size / 2);
    os_inject_failure = fail_purge;
    CHECK(!decay_purge(start, size, false));
    os_inject_failure = NULL;
    CHECK_EQ(start[0], 1);
    CHECK_EQ(decay_returned_bytes(), returned);
    CHECK(decay_purge(start, size, true));
    CHECK_EQ(decay_returned_bytes(), returned + size / 2);
    decay_count(false);
    CHECK_EQ(decay_purged_bytes(), 4 * size);
}

static _Atomic bool has_lock;

static void *lock_and_unlock(void *unused)
{
    decay_lock();
    has_lock = true;
    decay_unlock();
    return unused;
}

/* Waiting threads are counted, so that a thread that purges much can let them go first. */
static void test_lock(void **state)
{
    pthread_t thread;
    (void)state;
    CHECK(!decay_is_locked());
    CHECK(decay_try_lock());
    CHECK(decay_is_locked());
    CHECK(!decay_try_lock());
    CHECK_EQ(pthread_create(&thread, NULL, lock_and_unlock, NULL), 0);
    while (decay_clock.waiting == 0)
        sched_yield();
    CHECK(!has_lock);
    decay_unlock();
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(has_lock);
    CHECK_EQ(decay_clock.waiting, 0);
    decay_lock_in_turn();
    CHECK(decay_is_locked());
    CHECK_EQ(decay_clock.waiting, 0);
    decay_unlock();
    CHECK_EQ(lock_depth, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs),     cmocka_unit_test(test_sleep),
        cmocka_unit_test(test_one_begins), cmocka_unit_test(test_purge),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
