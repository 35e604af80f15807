/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/pool_give.c: the verdicts on blocks that come back, each of which stops a batch
 * there; what is counted as traffic; and the slab that a class keeps.
 */
#include "unit/unit.h"

#include "lane/pool_check.h"
#include "lane/pool_give.h"
#include "lane/shared_pool.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = -1;
    return reservation_make() ? 0 : -1;
}

static void check_verdict(unsigned size_class, void *block, enum fault expected)
{
    struct verdict judged = pool_judge(&shared_pool, size_class, &block, 1);
    CHECK_EQ(judged.fault, expected);
    CHECK(judged.block == block);
    CHECK_EQ(judged.size, size_classes[size_class].size);
    struct verdict verdict = pool_give(&shared_pool, size_class, &block, 1);
    CHECK_EQ(verdict.fault, expected);
    CHECK(verdict.block == block);
    CHECK_EQ(pool_check(&shared_pool), 0);
}

static void test_verdicts(void **state)
{
    static struct pool other = {.map_byte = CLASS_OWNED};
    void *blocks[4];
    void *alien;
    (void)state;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        unsigned got = pool_take(&shared_pool, size_class, blocks, 4);
        char *first = blocks[0];
        size_t size = size_classes[size_class].size;
        check_verdict(size_class, first + 1, FAULT_NOT_START);
        check_verdict(size_class, first + size - 1, FAULT_NOT_START);
        check_verdict(size_class == 5 ? 6 : 5, first, FAULT_DOUBLE_FREE);
        CHECK_EQ(pool_take(&other, size_class, &alien, 1), 1);
        check_verdict(size_class, alien, FAULT_DOUBLE_FREE);
        if (got > 1) {
            CHECK_EQ(pool_give(&shared_pool, size_class, blocks + 1, 1).fault, FAULT_NONE);
            check_verdict(size_class, blocks[1], FAULT_DOUBLE_FREE);
            CHECK_EQ(pool_take(&shared_pool, size_class, blocks + 1, 1), 1);
        }
        char *tail = first + size_classes[size_class].blocks * size;
        if (tail < slab_find(first)->start + size_classes[size_class].slabs * SLAB_SIZE)
            check_verdict(size_class, tail, FAULT_NOT_START);
        CHECK_EQ(pool_give(&shared_pool, size_class, blocks, got).fault, FAULT_NONE);
        check_verdict(size_class, first, FAULT_DOUBLE_FREE); /* its slab is empty */
        pool_trim(&shared_pool, size_class, true);
        check_verdict(size_class, first, FAULT_DOUBLE_FREE); /* its slab has gone */
    }
    pool_destroy(&other);
}

/* The same block twice in one batch: judging changes nothing, giving stops there. */
static void test_twice_in_a_batch(void **state)
{
    void *blocks[6];
    (void)state;
    CHECK_EQ(pool_take(&shared_pool, 4, blocks, 6), 6);
    void *batch[5] = {blocks[0], blocks[1], blocks[2], blocks[1], blocks[3]};
    for (unsigned i = 0; i < 2; i++) {
        struct verdict verdict = pool_judge(&shared_pool, 4, batch, 5);
        CHECK_EQ(verdict.fault, FAULT_DOUBLE_FREE);
        CHECK(verdict.block == blocks[1]);
        CHECK_EQ(pooled(slab_find(blocks[0]))->free_count, size_classes[4].blocks - 6);
        CHECK_EQ(pool_check(&shared_pool), 0);
    }
    struct verdict verdict = pool_give(&shared_pool, 4, batch, 5);
    CHECK_EQ(verdict.fault, FAULT_DOUBLE_FREE);
    CHECK_EQ(pooled(slab_find(blocks[0]))->free_count, size_classes[4].blocks - 3);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(pool_give(&shared_pool, 4, blocks + 3, 3).fault, FAULT_NONE);
    CHECK_EQ(pool_check(&shared_pool), 0);
    pool_trim(&shared_pool, 4, true);
}

/* What caches flush is traffic; what the depot had is not counted twice. */
static void test_traffic(void **state)
{
    void *blocks[6];
    (void)state;
    uint64_t given = pool_traffic[4].traffic.flushed;
    CHECK_EQ(pool_take(&shared_pool, 4, blocks, 6), 6);
    CHECK_EQ(pool_give(&shared_pool, 4, blocks, 4).fault, FAULT_NONE);
    CHECK_EQ(pool_traffic[4].traffic.flushed, given + 4);
    CHECK_EQ(pool_give_idle(4, blocks + 4, 2).fault, FAULT_NONE);
    CHECK_EQ(pool_traffic[4].traffic.flushed, given + 4);
    CHECK_EQ(pool_give_idle(4, blocks + 4, 1).fault, FAULT_DOUBLE_FREE);
    CHECK_EQ(pool_check(&shared_pool), 0);
    pool_trim(&shared_pool, 4, true);
}

/* An empty slab leaves at once, but for the last one with blocks to give. */
static void test_empty_slabs(void **state)
{
    enum { CLASS = 32, SLABS = 3, BLOCKS = 64 };
    static void *blocks[SLABS * BLOCKS];
    struct pool_figures figures = {0};
    (void)state;
    CHECK_EQ(size_classes[CLASS].blocks, BLOCKS);
    for (unsigned count = 0; count < SLABS * BLOCKS;)
        count += pool_take(&shared_pool, CLASS, blocks + count, 1);
    for (unsigned slab = 0; slab < SLABS; slab++) {
        pool_count(&shared_pool, CLASS, &figures);
        CHECK_EQ(figures.slabs, SLABS - (slab > 0 ? slab - 1 : 0));
        CHECK_EQ(pool_give(&shared_pool, CLASS, blocks + slab * BLOCKS, BLOCKS).fault, FAULT_NONE);
        figures = (struct pool_figures){0};
    }
    pool_count(&shared_pool, CLASS, &figures);
    CHECK_EQ(figures.slabs, 1);
    CHECK_EQ(figures.blocks_out, 0);
    CHECK_EQ(pool_check(&shared_pool) + slab_check(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_twice_in_a_batch),
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_empty_slabs),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
