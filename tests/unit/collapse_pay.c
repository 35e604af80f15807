/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/collapse_pay.c: what one flush of a collapsing class gives back, and how little of
 * it; that it never waits for a purge; and the verdict on what lay in the depot.
 */
#include "unit/unit.h"

#include "lane/collapse.h"
#include "lane/depot.h"
#include "lane/pool_check.h"
#include "lane/pool_give.h"
#include "lane/shared_pool.h"
#include "slab/decay.h"
#include "slab/reservation.h"

#define COUNT 20000
#define SIZE_CLASS 16 /* 256 bytes */

static void *held[COUNT];

static void make(void)
{
    settings.decay_ms = 3600000; /* the epoch stays */
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK(reservation_make());
}

static void take(unsigned size_class, unsigned count)
{
    for (unsigned done = 0; done < count;)
        done += pool_take(&shared_pool, size_class, held + done,
                          (unsigned)min_size(BATCH_BLOCKS, count - done));
    for (unsigned i = 0; i < count; i++)
        *(char *)held[i] = 1;
}

/* The depot of a class that collapses is emptied a batch at a time. */
static void depot_goes(void)
{
    make();
    take(SIZE_CLASS, 3 * BATCH_BLOCKS);
    for (unsigned i = 0; i < 3; i++)
        CHECK(depot_give(SIZE_CLASS, held + i * BATCH_BLOCKS, BATCH_BLOCKS, DEPOT_BYTES_MAX));
    for (unsigned left = 3; left > 0; left--) {
        CHECK_EQ(depot_count(SIZE_CLASS), left * BATCH_BLOCKS);
        CHECK_EQ(collapse_pay(SIZE_CLASS).fault, FAULT_NONE);
    }
    CHECK_EQ(depot_count(SIZE_CLASS), 0);
    CHECK_EQ(collapse_pay(SIZE_CLASS).fault, FAULT_NONE);
    CHECK_EQ(depot_check(), 0);
    CHECK_EQ(pool_check(&shared_pool), 0);
}

/* Three quarters of each slab are free. */
static void leave_halves(void)
{
    unsigned blocks = size_classes[SIZE_CLASS].blocks;
    take(SIZE_CLASS, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        if (i % blocks >= blocks / 4)
            CHECK_EQ(pool_give(&shared_pool, SIZE_CLASS, &held[i], 1).fault, FAULT_NONE);
}

static void pages_go(void)
{
    unsigned calls = 0;
    make();
    leave_halves();
    CHECK_EQ(collapse_pay(SIZE_CLASS).fault, FAULT_NONE);
    CHECK_EQ(decay_purged_bytes(), 0); /* no walk has begun */
    pool_walk_begin(&shared_pool.classes[SIZE_CLASS], POOL_LIST_FULL - 1);
    while (shared_pool.classes[SIZE_CLASS].walk != 0) {
        uint64_t before = decay_purged_bytes();
        CHECK_EQ(collapse_pay(SIZE_CLASS).fault, FAULT_NONE);
        CHECK(decay_purged_bytes() - before < 128 * KIB + SLAB_SIZE * 3 / 4);
        CHECK(++calls < 1000);
    }
    CHECK(calls > 10);
    CHECK(decay_purged_bytes() > COUNT / 2 * 256);
    CHECK_EQ(pool_check(&shared_pool), 0);
}

/* Another thread purges: this flush leaves the pages to the next. */
static void never_waits(void)
{
    make();
    leave_halves();
    pool_walk_begin(&shared_pool.classes[SIZE_CLASS], POOL_LIST_FULL - 1);
    CHECK(decay_try_lock());
    CHECK_EQ(collapse_pay(SIZE_CLASS).fault, FAULT_NONE);
    CHECK_EQ(decay_purged_bytes(), 0);
    decay_unlock();
    CHECK_EQ(collapse_pay(SIZE_CLASS).fault, FAULT_NONE);
    CHECK(decay_purged_bytes() > 0);
}

static void fault_in_depot(void)
{
    make();
    take(SIZE_CLASS, 3);
    held[3] = held[1];
    CHECK(depot_give(SIZE_CLASS, held, 4, DEPOT_BYTES_MAX));
    struct verdict verdict = collapse_pay(SIZE_CLASS);
    CHECK_EQ(verdict.fault, FAULT_DOUBLE_FREE);
    CHECK(verdict.block == held[1]);
    CHECK_EQ(depot_count(SIZE_CLASS), 0);
}

CHILD_TEST(depot_goes)
CHILD_TEST(pages_go)
CHILD_TEST(never_waits)
CHILD_TEST(fault_in_depot)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depot_goes),
        cmocka_unit_test(test_pages_go),
        cmocka_unit_test(test_never_waits),
        cmocka_unit_test(test_fault_in_depot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
