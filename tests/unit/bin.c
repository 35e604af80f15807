/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/bin.c: a bin's magazine grows and keeps what is in it, its oldest blocks leave
 * first, to the depot as long as that has room, and an emptied bin's blocks are in their slabs.
 */
#include "unit/own_cache.h"

#include "front/bin.h"

#define SMALL 8
#define BLOCKS 100

static struct thread_cache *cache;

/* A bin of BLOCKS blocks, the oldest first in `blocks`. */
static void fill(void *blocks[BLOCKS])
{
    CHECK(reservation_make());
    cache = unified_cache_enter();
    CHECK(cache != NULL && bin_count(cache, SMALL) == 0);
    CHECK(bin_need_slots(cache, SMALL, BLOCKS));
    CHECK(cache->slots[SMALL] >= BLOCKS);
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK_EQ(pool_take(&shared_pool, SMALL, &blocks[i], 1), 1);
    for (unsigned i = 0; i < BLOCKS; i++)
        cache->bottom[SMALL][i] = blocks[i];
    bin_set_top(cache, SMALL, cache->bottom[SMALL] + BLOCKS);
}

static void check_bin(void *const *blocks, unsigned count)
{
    CHECK_EQ(bin_count(cache, SMALL), count);
    for (unsigned i = 0; i < count; i++)
        CHECK(cache->bottom[SMALL][i] == blocks[i]);
}

static void leave(void)
{
    unified_cache_leave(cache);
    unified_cache_thread_exit();
    check_all_back();
}

static void slots(void)
{
    void *blocks[BLOCKS];
    fill(blocks);
    unsigned slots = cache->slots[SMALL];
    CHECK(bin_need_slots(cache, SMALL, slots));
    CHECK_EQ(cache->slots[SMALL], slots);
    CHECK(bin_need_slots(cache, SMALL, slots + 1));
    CHECK(cache->slots[SMALL] > slots);
    check_bin(blocks, BLOCKS);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        CHECK(bin_slots_max(size_class) <= BIN_SLOTS_MAX);
        CHECK_EQ(bin_slots_max(size_class) == 0, size_classes[size_class].size > BIN_BLOCK_MAX);
        CHECK(bin_batch_blocks(size_class, BATCH_BLOCKS) >= BATCH_BLOCKS_MIN);
        CHECK(bin_batch_blocks(size_class, BATCH_BLOCKS) <= BATCH_BLOCKS);
    }
    leave();
}

static void oldest_first(void)
{
    void *blocks[BLOCKS];
    fill(blocks);
    bin_flush_oldest(cache, SMALL, 0);
    check_bin(blocks, BLOCKS);
    bin_flush_oldest(cache, SMALL, 10);
    check_bin(blocks + 10, BLOCKS - 10);
    CHECK_EQ(depot_count(SMALL), 10);
    bin_flush_oldest(cache, SMALL, BLOCKS - 10);
    check_bin(NULL, 0);
    leave();
}

static void emptied(void)
{
    void *blocks[BLOCKS];
    fill(blocks);
    CHECK_EQ(blocks_out(SMALL), BLOCKS);
    bin_empty(cache, SMALL);
    check_bin(NULL, 0);
    CHECK_EQ(blocks_out(SMALL), 0);
    CHECK_EQ(depot_count(SMALL), 0);
    bin_empty(cache, SMALL);
    check_bin(NULL, 0);
    leave();
}

CHILD_TEST(slots)
CHILD_TEST(oldest_first)
CHILD_TEST(emptied)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_oldest_first),
        cmocka_unit_test(test_emptied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
