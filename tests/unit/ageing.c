/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/ageing.c: the work of an epoch comes to the same in parts and at once, what is too
 * young stays, what may not decay is not purged, and a fault is returned.
 */
#include "unit/unit.h"

#include "front/ageing.h"

#define COUNT 20000
#define SIZE_CLASS 16 /* 256 bytes */

static void *held[COUNT];

static void make(int64_t decay_ms)
{
    settings.decay_ms = decay_ms;
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK(reservation_make());
}

/* Slabs of which one block in 100 is in use, and a batch in the depot. */
static void leave_holes(void)
{
    for (unsigned count = 0; count < COUNT;)
        count += pool_take(&shared_pool, SIZE_CLASS, held + count,
                           (unsigned)min_size(BATCH_BLOCKS, COUNT - count));
    for (unsigned i = 0; i < COUNT; i++)
        *(char *)held[i] = 1;
    for (unsigned i = BATCH_BLOCKS; i < COUNT; i++)
        if (i % 100 != 0)
            CHECK_EQ(pool_give(&shared_pool, SIZE_CLASS, &held[i], 1).fault, FAULT_NONE);
    CHECK(depot_give(SIZE_CLASS, held, BATCH_BLOCKS, MIB));
}

/* The parts of one epoch; their number. */
static unsigned go_on(void)
{
    unsigned parts = 0;
    ageing_begin();
    for (; ageing_is_under_way(); parts++) {
        uint64_t before = decay_purged_bytes();
        CHECK_EQ(ageing_go_on().fault, FAULT_NONE);
        CHECK(decay_purged_bytes() - before <= 8 * SLAB_SIZE);
        CHECK(parts < 10000);
    }
    return parts;
}

static void in_parts(void)
{
    make(3600000);
    leave_holes();
    settings.decay_ms = 0; /* nothing is too young */
    CHECK(!ageing_is_under_way());
    CHECK(go_on() > 5);
    CHECK(decay_purged_bytes() > COUNT / 2 * 256);
    CHECK_EQ(depot_count(SIZE_CLASS), BATCH_BLOCKS); /* it has come since the last epoch */
    go_on();
    CHECK_EQ(depot_count(SIZE_CLASS), 0);
    uint64_t before = decay_purged_bytes();
    go_on(); /* the blocks of the batch */
    go_on();
    CHECK(decay_purged_bytes() - before <= BATCH_BLOCKS * 256);
    CHECK_EQ(pool_check(&shared_pool) + slab_check(), 0);
}

static void at_once(void)
{
    struct verdict verdict;
    make(3600000);
    leave_holes();
    CHECK(ageing_work(false, &verdict)); /* all is too young */
    CHECK_EQ(verdict.fault, FAULT_NONE);
    CHECK_EQ(decay_purged_bytes(), 0);
    CHECK_EQ(depot_count(SIZE_CLASS), BATCH_BLOCKS);
    CHECK(!ageing_work(true, &verdict)); /* memory is short: nothing is too young */
    CHECK_EQ(verdict.fault, FAULT_NONE);
    CHECK(decay_purged_bytes() > COUNT / 2 * 256);
    CHECK_EQ(depot_count(SIZE_CLASS), 0);
    struct slab_figures figures;
    slab_count(&figures);
    CHECK_EQ(figures.warm_bytes, 0);
}

static void no_decay(void)
{
    struct verdict verdict;
    make(-1);
    leave_holes();
    go_on();
    go_on();
    CHECK_EQ(depot_count(SIZE_CLASS), 0);
    CHECK(!ageing_work(true, &verdict));
    CHECK_EQ(decay_purged_bytes(), 0);
}

static void plant_fault(void)
{
    CHECK_EQ(pool_take(&shared_pool, SIZE_CLASS, held, 1), 1);
    held[1] = held[0];
    CHECK(depot_give(SIZE_CLASS, held, 2, MIB));
}

static void faults(void)
{
    struct verdict verdict;
    make(3600000);
    plant_fault();
    ageing_work(true, &verdict);
    CHECK_EQ(verdict.fault, FAULT_DOUBLE_FREE);
    CHECK(verdict.block == held[0]);
    plant_fault();
    go_on(); /* not idle yet */
    ageing_begin();
    for (verdict.fault = FAULT_NONE; verdict.fault == FAULT_NONE && ageing_is_under_way();)
        verdict = ageing_go_on();
    CHECK_EQ(verdict.fault, FAULT_DOUBLE_FREE);
    CHECK(verdict.block == held[0]);
}

CHILD_TEST(in_parts)
CHILD_TEST(at_once)
CHILD_TEST(no_decay)
CHILD_TEST(faults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_parts),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_no_decay),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
