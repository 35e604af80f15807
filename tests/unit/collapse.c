/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/collapse.c, and of the walks in parts: what is counted of each class, when one
 * begins and ceases to give up its memory, what goes back then, and that no call does much of it.
 */
#include "unit/unit.h"

#include "lane/depot.h"
#include "lane/collapse.h"
#include "lane/idle_pages.h"
#include "lane/parts.h"
#include "lane/pool_check.h"
#include "lane/pool_give.h"
#include "lane/shared_pool.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/warm_bound.h"

#define COUNT 400000
#define SIZE_CLASS 16 /* 256 bytes: 100 MiB of them */

static void *held[COUNT];

static void make(void)
{
    settings.decay_ms = 3600000; /* the epoch stays */
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK(reservation_make());
}

/* What the tally says is what the slabs say. */
static void check_tally(unsigned size_class)
{
    struct pool_class *pool = &shared_pool.classes[size_class];
    const struct collapse_tally *tally = &tallies[size_class];
    ptrdiff_t loose = 0;
    size_t out = 0;
    for (unsigned list = 0; list < POOL_LISTS; list++)
        for (const struct slab *slab = pool->lists[list]; slab; slab = slab->next) {
            size_t own = (size_t)(pooled(slab)->block_count - pooled(slab)->free_count);
            out += own;
            loose += (ptrdiff_t)(pooled(slab)->carved - own) * (ptrdiff_t)slab->size -
                     (ptrdiff_t)parts_absent_bytes(slab);
        }
    CHECK_EQ(tally->out, out);
    CHECK_EQ((size_t)tally->loose, (size_t)loose);
    CHECK_EQ(pool_check(&shared_pool) + slab_check(), 0);
}

static void take(unsigned size_class, unsigned count)
{
    for (unsigned done = 0; done < count;)
        done += pool_take(&shared_pool, size_class, held + done,
                          (unsigned)min_size(BATCH_BLOCKS, count - done));
    for (unsigned i = 0; i < count; i++)
        *(char *)held[i] = 1;
}

static void give(unsigned size_class, unsigned index)
{
    CHECK_EQ(pool_give(&shared_pool, size_class, &held[index], 1).fault, FAULT_NONE);
    held[index] = NULL;
}

static void shuffle(unsigned count)
{
    uint64_t random = 5;
    for (unsigned i = count; i-- > 1;) {
        unsigned other = unit_random(&random, i + 1);
        void *block = held[i];
        held[i] = held[other];
        held[other] = block;
    }
}

static bool is_present(const void *block)
{
    uintptr_t page = align_down((uintptr_t)block, os_page_size());
    return unit_present_pages((char *)page, os_page_size()) == 1;
}

static size_t present_blocks(unsigned count)
{
    size_t present = 0;
    for (unsigned i = 0; i < count; i++)
        if (held[i] && is_present(held[i]))
            present++;
    return present;
}

static unsigned purges;

static bool count_purges(enum os_call call)
{
    purges += call == OS_CALL_PURGE;
    return false;
}

/* A burst of frees that leaves one block in 500: by its end no more than the bound is warm. */
static void burst(void)
{
    unsigned most = 0;
    make();
    take(SIZE_CLASS, COUNT);
    check_tally(SIZE_CLASS);
    shuffle(COUNT);
    os_inject_failure = count_purges;
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 500 != 0)
            give(SIZE_CLASS, i);
        purges = 0;
        if (i % 16 == 0 && collapse_is_on(SIZE_CLASS))
            CHECK_EQ(collapse_pay(SIZE_CLASS).fault, FAULT_NONE);
        most = (unsigned)max_size(most, purges);
    }
    os_inject_failure = NULL;
    CHECK(collapse_is_on(SIZE_CLASS));
    CHECK(most > 0 && most <= 4 * 64);
    check_tally(SIZE_CLASS);
    CHECK(!warm_bound_is_over(5)); /* what the last frees left for a walk is in it */
    CHECK_EQ(present_blocks(COUNT), COUNT / 500);
    for (unsigned i = 0; i < COUNT; i++)
        CHECK(!held[i] || *(char *)held[i] == 1);
    /* it grows again: freed blocks are kept again */
    take(SIZE_CLASS, COUNT / 10);
    CHECK(!collapse_is_on(SIZE_CLASS));
    check_tally(SIZE_CLASS);
}

/* Too little is free, or the class is small, or nothing may go back. */
static void not_for_little(void)
{
    make();
    take(SIZE_CLASS, COUNT / 8);
    for (unsigned i = 0; i < COUNT / 8; i++)
        give(SIZE_CLASS, i);
    CHECK(!collapse_is_on(SIZE_CLASS));
    settings.decay_ms = -1;
    take(SIZE_CLASS, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        if (i % 500 != 0)
            give(SIZE_CLASS, i);
    CHECK(!collapse_is_on(SIZE_CLASS));
    check_tally(SIZE_CLASS);
}

/* The epoch's work in parts comes to what it is in one go, and no part is large. */
static void ageing_in_parts(void)
{
    unsigned parts = 0;
    make();
    size_t free_bytes = 0;
    take(SIZE_CLASS, COUNT / 8);
    for (unsigned i = 0; i < COUNT / 8; i++)
        if (i % 100 != 0) {
            give(SIZE_CLASS, i);
            free_bytes += 256;
        }
    uint64_t before = decay_purged_bytes();
    idle_pages_begin(&shared_pool);
    for (bool is_end = false; !is_end; parts++) {
        size_t effort = 32;
        uint64_t purged = decay_purged_bytes();
        is_end = idle_pages_go_on(&shared_pool, 0, &effort);
        CHECK(decay_purged_bytes() - purged <= 8 * SLAB_SIZE);
        CHECK(parts < 10000);
    }
    CHECK(parts > 10);
    CHECK(decay_purged_bytes() - before > free_bytes / 2);
    bool is_pending = false;
    CHECK_EQ(idle_pages_purge(&shared_pool, 0, &is_pending), 0);
    CHECK(!is_pending);
    check_tally(SIZE_CLASS);
    size_t effort = 32;
    CHECK(idle_pages_go_on(&shared_pool, 0, &effort) && effort == 32);
}

/* Slabs that are too young have their turn in a later epoch. */
static void young_slabs_wait(void)
{
    bool is_end = false;
    make();
    take(SIZE_CLASS, 5000);
    for (unsigned i = 1; i < 5000; i++)
        give(SIZE_CLASS, i);
    idle_pages_begin(&shared_pool);
    for (size_t effort = 32; !is_end; effort = 32)
        is_end = idle_pages_go_on(&shared_pool, 1, &effort);
    CHECK_EQ(decay_purged_bytes(), 0);
    idle_pages_begin(&shared_pool);
    is_end = false;
    for (size_t effort = 32; !is_end; effort = 32)
        is_end = idle_pages_go_on(&shared_pool, 0, &effort);
    CHECK(decay_purged_bytes() > 0);
}

/* Depots in parts: what was idle goes, and what was not stays. */
static void depots_in_parts(void)
{
    make();
    take(SIZE_CLASS, 40 * BATCH_BLOCKS);
    for (unsigned i = 0; i < 20; i++)
        CHECK(depot_give(SIZE_CLASS, held + i * BATCH_BLOCKS, BATCH_BLOCKS, 64 * MIB));
    CHECK_EQ(depot_trim(false).fault, FAULT_NONE); /* from now on 20 are idle */
    for (unsigned i = 20; i < 30; i++)
        CHECK(depot_give(SIZE_CLASS, held + i * BATCH_BLOCKS, BATCH_BLOCKS, 64 * MIB));
    unsigned at = 0;
    unsigned calls = 0;
    do {
        size_t before = depot_count(SIZE_CLASS);
        CHECK_EQ(depot_trim_on(&at).fault, FAULT_NONE);
        CHECK(before - depot_count(SIZE_CLASS) <= 8 * BATCH_BLOCKS);
        CHECK_EQ(depot_check(), 0);
    } while (at > 0 && ++calls < 100);
    CHECK(calls >= 2);
    CHECK_EQ(depot_count(SIZE_CLASS), 10 * BATCH_BLOCKS);
    check_tally(SIZE_CLASS);
}

CHILD_TEST(burst)
CHILD_TEST(not_for_little)
CHILD_TEST(ageing_in_parts)
CHILD_TEST(young_slabs_wait)
CHILD_TEST(depots_in_parts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst),           cmocka_unit_test(test_not_for_little),
        cmocka_unit_test(test_ageing_in_parts), cmocka_unit_test(test_young_slabs_wait),
        cmocka_unit_test(test_depots_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
