/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/bin.c: a bin's magazine grows and keeps what is in it, its oldest blocks leave
 * first, to the depot as long as that has room, and an emptied bin's blocks are in their slabs.
 */
#include "unit/own_heap.h"

#include "front/bin.h"

#define SMALL 8
#define BLOCKS 100

static struct thread_heap *heap;

/* A bin of BLOCKS blocks, the oldest first in `blocks`. */
static void fill(void *blocks[BLOCKS])
{
    CHECK(reservation_make());
    heap = unified_cache_enter();
    CHECK(heap != NULL && bin_count(heap, SMALL) == 0);
    CHECK(bin_need_slots(heap, SMALL, BLOCKS));
    CHECK(heap->slots[SMALL] >= BLOCKS);
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK_EQ(pool_take(&shared_pool, SMALL, &blocks[i], 1), 1);
    for (unsigned i = 0; i < BLOCKS; i++)
        heap->bottom[SMALL][i] = blocks[i];
    bin_set_top(heap, SMALL, heap->bottom[SMALL] + BLOCKS);
}

static void check_bin(void *const *blocks, unsigned count)
{
    CHECK_EQ(bin_count(heap, SMALL), count);
    for (unsigned i = 0; i < count; i++)
        CHECK(heap->bottom[SMALL][i] == blocks[i]);
}

static void leave(void)
{
    unified_cache_leave(heap);
    unified_cache_thread_exit();
    check_all_back();
}

static void slots(void)
{
    void *blocks[BLOCKS];
    fill(blocks);
    unsigned slots = heap->slots[SMALL];
    CHECK(bin_need_slots(heap, SMALL, slots));
    CHECK_EQ(heap->slots[SMALL], slots);
    CHECK(bin_need_slots(heap, SMALL, slots + 1));
    CHECK(heap->slots[SMALL] > slots);
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
    bin_flush_oldest(heap, SMALL, 0);
    check_bin(blocks, BLOCKS);
    bin_flush_oldest(heap, SMALL, 10);
    check_bin(blocks + 10, BLOCKS - 10);
    CHECK_EQ(depot_count(SMALL), 10);
    bin_flush_oldest(heap, SMALL, BLOCKS - 10);
    check_bin(NULL, 0);
    leave();
}

static void emptied(void)
{
    void *blocks[BLOCKS];
    fill(blocks);
    CHECK_EQ(blocks_out(SMALL), BLOCKS);
    bin_empty(heap, SMALL);
    check_bin(NULL, 0);
    CHECK_EQ(blocks_out(SMALL), 0);
    CHECK_EQ(depot_count(SMALL), 0);
    bin_empty(heap, SMALL);
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
