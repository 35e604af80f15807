/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/depot.c: batches given and taken at random against a model, how many are kept,
 * trimming by the working set, the checker with faults planted, and threads that exchange batches.
 */
#include "unit/unit.h"

#include "lane/lane.h"

#define SIZE_CLASS 8
#define MODEL_BATCHES (DEPOT_BATCHES_MAX + 1)

struct held {
    void *blocks[BATCH_BLOCKS];
    unsigned count;
};

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = -1;
    return reservation_make() ? 0 : -1;
}

static struct held fresh(unsigned size_class, unsigned count)
{
    struct held batch = {.count = 0};
    while (batch.count < count)
        batch.count += pool_take(&shared_pool, size_class, batch.blocks + batch.count,
                                 count - batch.count);
    return batch;
}

static void to_slabs(unsigned size_class, const struct held *batch)
{
    CHECK_EQ(pool_give(&shared_pool, size_class, batch->blocks, batch->count).fault, FAULT_NONE);
}

static void check_all_classes(void)
{
    CHECK_EQ(depot_check(), 0);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(slab_check(), 0);
}

static size_t blocks_out(unsigned size_class)
{
    struct pool_figures figures = {0};
    pool_count(&shared_pool, size_class, &figures);
    return figures.blocks_out;
}

/* A batch comes out as it went in. */
static bool take_known(struct held *model, unsigned *batches)
{
    struct held got;
    got.count = depot_take(SIZE_CLASS, got.blocks, BATCH_BLOCKS);
    if (got.count == 0)
        return false;
    for (unsigned i = 0; i < *batches; i++)
        if (model[i].count == got.count &&
            memcmp(model[i].blocks, got.blocks, got.count * sizeof(got.blocks[0])) == 0) {
            model[i] = model[--*batches];
            to_slabs(SIZE_CLASS, &got);
            return true;
        }
    CHECK(!"a batch that nobody gave");
    return false;
}

static void test_random(void **state)
{
    static struct held model[MODEL_BATCHES];
    unsigned batches = 0;
    uint64_t random = 9;
    (void)state;
    for (unsigned step = 0; step < 800; step++) {
        if (unit_random(&random, 2)) {
            struct held batch = fresh(SIZE_CLASS, 1 + unit_random(&random, BATCH_BLOCKS));
            bool is_kept = depot_give(SIZE_CLASS, batch.blocks, batch.count, DEPOT_BYTES_MAX);
            CHECK_EQ(is_kept, batches < DEPOT_BATCHES_MAX);
            if (is_kept)
                model[batches++] = batch;
            else
                to_slabs(SIZE_CLASS, &batch);
        } else {
            unsigned before = batches;
            CHECK_EQ(take_known(model, &batches), before > 0);
        }
        size_t blocks = 0;
        for (unsigned i = 0; i < batches; i++)
            blocks += model[i].count;
        CHECK_EQ(depot_count(SIZE_CLASS), blocks);
        CHECK_EQ(blocks_out(SIZE_CLASS), blocks);
        check_all_classes();
    }
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    CHECK_EQ(depot_count(SIZE_CLASS), 0);
    CHECK_EQ(blocks_out(SIZE_CLASS), 0);
}

/* Every class: no more batches than DEPOT_BATCHES_MAX, and DEPOT_BYTES_MAX unless one is more;
 * none of blocks larger than DEPOT_BLOCK_MAX. */
static void test_limits(void **state)
{
    (void)state;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        unsigned count = size_classes[size_class].size <= KIB ? BATCH_BLOCKS : 2;
        unsigned kept = 0;
        for (;; kept++) {
            struct held batch = fresh(size_class, count);
            if (!depot_give(size_class, batch.blocks, count, DEPOT_BYTES_MAX)) {
                to_slabs(size_class, &batch);
                break;
            }
        }
        size_t bytes = kept * count * (size_t)size_classes[size_class].size;
        CHECK(kept <= DEPOT_BATCHES_MAX && (kept <= 1 || bytes <= DEPOT_BYTES_MAX));
        CHECK_EQ(kept > 0, size_classes[size_class].size <= DEPOT_BLOCK_MAX);
        CHECK_EQ(depot_count(size_class), kept * count);
    }
    check_all_classes();
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        CHECK_EQ(blocks_out(size_class), 0);
    check_all_classes();
}

static void give_batches(unsigned batches)
{
    for (unsigned i = 0; i < batches; i++) {
        struct held batch = fresh(SIZE_CLASS, 10);
        CHECK(depot_give(SIZE_CLASS, batch.blocks, batch.count, DEPOT_BYTES_MAX));
    }
}

static void check_trim(size_t left)
{
    CHECK_EQ(depot_trim(false).fault, FAULT_NONE);
    CHECK_EQ(depot_count(SIZE_CLASS), left * 10);
    CHECK_EQ(blocks_out(SIZE_CLASS), left * 10);
    check_all_classes();
}

/* What was not needed since the last look goes; what was in use in between stays. */
static void test_working_set(void **state)
{
    void *blocks[BATCH_BLOCKS];
    (void)state;
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    give_batches(6);
    check_trim(6); /* all six are new */
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(depot_take(SIZE_CLASS, blocks, BATCH_BLOCKS), 10);
        CHECK_EQ(pool_give(&shared_pool, SIZE_CLASS, blocks, 10).fault, FAULT_NONE);
    }
    give_batches(3);
    check_trim(3); /* three lay idle all the time */
    check_trim(0); /* and now the rest */
    CHECK_EQ(depot_take(SIZE_CLASS, blocks, BATCH_BLOCKS), 0);
}

static struct traffic pool_traffic_of(unsigned size_class)
{
    struct pool_figures figures = {0};
    pool_count(&shared_pool, size_class, &figures);
    return figures.traffic;
}

/* Blocks count where a cache gives and takes them: not again when the depot is trimmed. */
static void test_traffic(void **state)
{
    void *blocks[BATCH_BLOCKS];
    (void)state;
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    struct traffic before = depot_traffic(SIZE_CLASS);
    give_batches(3);
    struct traffic pool = pool_traffic_of(SIZE_CLASS);
    CHECK_EQ(depot_take(SIZE_CLASS, blocks, 4), 4);
    CHECK_EQ(depot_take(SIZE_CLASS, blocks + 4, BATCH_BLOCKS), 6);
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    struct traffic after = depot_traffic(SIZE_CLASS);
    CHECK_EQ(after.flushed - before.flushed, 30);
    CHECK_EQ(after.refilled - before.refilled, 10);
    CHECK_EQ(pool_traffic_of(SIZE_CLASS).flushed, pool.flushed);
    CHECK_EQ(pool_traffic_of(SIZE_CLASS).refilled, pool.refilled);
    CHECK_EQ(pool_give(&shared_pool, SIZE_CLASS, blocks, 10).fault, FAULT_NONE);
    CHECK_EQ(pool_traffic_of(SIZE_CLASS).flushed, pool.flushed + 10);
}

/* ---- faults planted ---- */

static void test_verdict_of_trim(void **state)
{
    (void)state;
    struct held batch = fresh(SIZE_CLASS, 5);
    void *extra = fresh(SIZE_CLASS, 1).blocks[0];
    void *planted[3] = {batch.blocks[0], extra, batch.blocks[0]};
    CHECK(depot_give(SIZE_CLASS, planted, 3, DEPOT_BYTES_MAX));
    CHECK_REPORTS(depot_check(), "which is not its block");
    struct verdict verdict = depot_trim(true);
    CHECK_EQ(verdict.fault, FAULT_DOUBLE_FREE);
    CHECK(verdict.block == batch.blocks[0]);
    CHECK_EQ(pool_give(&shared_pool, SIZE_CLASS, batch.blocks + 1, 4).fault, FAULT_NONE);
    check_all_classes();
}

static void check_planted(void *planted)
{
    void *blocks[BATCH_BLOCKS];
    CHECK(depot_give(SIZE_CLASS, &planted, 1, DEPOT_BYTES_MAX));
    CHECK_REPORTS(depot_check(), "which is not its block");
    CHECK_EQ(depot_take(SIZE_CLASS, blocks, BATCH_BLOCKS), 1);
    CHECK_EQ(depot_check(), 0);
}

static void test_planted(void **state)
{
    (void)state;
    struct held batch = fresh(SIZE_CLASS, 2);
    struct held other = fresh(SIZE_CLASS + 1, 1);
    check_planted((char *)batch.blocks[0] + 8);
    check_planted(other.blocks[0]);
    to_slabs(SIZE_CLASS, &(struct held){{batch.blocks[1]}, 1});
    check_planted(batch.blocks[1]);
    to_slabs(SIZE_CLASS, &(struct held){{batch.blocks[0]}, 1});
    check_planted(batch.blocks[0]);
    to_slabs(SIZE_CLASS + 1, &other);
    check_all_classes();
}

/* ---- threads ---- */

static void *exchange(void *number)
{
    uint64_t random = (uintptr_t)number + 40;
    for (unsigned step = 0; step < 4000; step++) {
        unsigned size_class = SIZE_CLASS + unit_random(&random, 3);
        struct held batch;
        batch.count = depot_take(size_class, batch.blocks, BATCH_BLOCKS);
        if (batch.count == 0)
            batch = fresh(size_class, 20);
        for (unsigned i = 0; i < batch.count; i++)
            *(uintptr_t *)batch.blocks[i] = (uintptr_t)number;
        for (unsigned i = 0; i < batch.count; i++)
            CHECK_EQ(*(uintptr_t *)batch.blocks[i], (uintptr_t)number);
        if (!depot_give(size_class, batch.blocks, batch.count, DEPOT_BYTES_MAX))
            to_slabs(size_class, &batch);
        if (step % 500 == 0)
            CHECK_EQ(depot_trim(step % 1000 == 0).fault, FAULT_NONE);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    unit_run_threads(exchange);
    check_all_classes();
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(blocks_out(SIZE_CLASS + i), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),          cmocka_unit_test(test_limits),
        cmocka_unit_test(test_working_set),     cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_verdict_of_trim), cmocka_unit_test(test_planted),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
