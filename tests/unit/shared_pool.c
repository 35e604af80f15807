/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/shared_pool.c: blocks of all classes taken and given at random, with a pattern in
 * each and the whole structure checked after each step; which slab comes first; pools
 * of owned heaps; pages made present ahead; threads.
 */
#include "unit/unit.h"

#include "lane/lane.h"

#define HELD_MAX 600

/* Purpose: a block that the test holds. */
struct held {
    char *block;
    unsigned size_class;
};

static struct held held[HELD_MAX];
static unsigned held_count;

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = -1;
    return reservation_make() ? 0 : -1;
}

/* The pattern is at both ends: large blocks would cost a page fault for each page. */
static void fill(const struct held *held_block)
{
    size_t size = size_classes[held_block->size_class].size;
    uint64_t key = pattern_key(held_block->block, size, 1);
    pattern_fill_range(held_block->block, 0, 16, key);
    pattern_fill_range(held_block->block, size - 16, size, key);
}

static void check_filled(const struct held *held_block)
{
    size_t size = size_classes[held_block->size_class].size;
    uint64_t key = pattern_key(held_block->block, size, 1);
    CHECK(pattern_range_holds(held_block->block, 0, 16, key));
    CHECK(pattern_range_holds(held_block->block, size - 16, size, key));
}

static void take(struct pool *pool, unsigned size_class, unsigned want, unsigned map_byte)
{
    void *blocks[BATCH_BLOCKS];
    struct reservation *base = reservation_get();
    unsigned got = pool_take(pool, size_class, blocks, want);
    CHECK(got >= 1 && got <= want);
    for (unsigned i = 0; i < got; i++) {
        struct held taken = {blocks[i], size_class};
        CHECK_EQ((uintptr_t)blocks[i] % BLOCK_ALIGN, 0);
        CHECK(pool_is_start(size_class, blocks[i]));
        CHECK(!pool_is_start(size_class, taken.block + 1));
        CHECK_EQ(slab_map_get(base, reservation_offset(base, blocks[i])), map_byte);
        CHECK(i == 0 || blocks[i] > blocks[i - 1] || size_classes[size_class].size < CACHE_LINE);
        fill(&taken);
        held[held_count++] = taken;
    }
}

/* Give up to `most` blocks of the class of a held one, in any order. */
static void give(struct pool *pool, unsigned index, unsigned most)
{
    void *blocks[BATCH_BLOCKS];
    unsigned size_class = held[index].size_class;
    unsigned count = 0;
    for (unsigned i = held_count; i-- > 0 && count < most;)
        if (held[i].size_class == size_class) {
            check_filled(&held[i]);
            blocks[count++] = held[i].block;
            held[i] = held[--held_count];
        }
    CHECK_EQ(pool_judge(pool, size_class, blocks, count).fault, FAULT_NONE);
    CHECK_EQ(pool_give(pool, size_class, blocks, count).fault, FAULT_NONE);
}

static void check_figures(struct pool *pool)
{
    size_t out[CLASS_COUNT] = {0};
    for (unsigned i = 0; i < held_count; i++)
        out[held[i].size_class]++;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        struct pool_figures figures = {0};
        pool_count(pool, size_class, &figures);
        CHECK_EQ(figures.blocks_out, out[size_class]);
        CHECK_EQ(figures.blocks_out + figures.blocks_free,
                 figures.slabs * size_classes[size_class].blocks);
        CHECK(out[size_class] > 0 || figures.slabs <= 1); /* one may be kept */
    }
}

static void trim_all(bool all)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        pool_trim(&shared_pool, size_class, all);
}

static void take_and_give(struct pool *pool, unsigned map_byte, uint64_t seed)
{
    uint64_t random = seed;
    for (unsigned step = 0; step < 1200; step++) {
        unsigned size_class = CLASS_FIRST + unit_random(&random, CLASS_POOL_LAST);
        bool is_growing = step / 150 % 2 == 0;
        if (held_count + BATCH_BLOCKS <= HELD_MAX && unit_random(&random, 4) < (is_growing ? 3 : 1))
            take(pool, size_class, 1 + unit_random(&random, BATCH_BLOCKS),
                 map_byte ? map_byte : size_class);
        else if (held_count > 0)
            give(pool, unit_random(&random, held_count), 1 + unit_random(&random, BATCH_BLOCKS));
        CHECK_EQ(pool_check(pool), 0);
        CHECK_EQ(slab_check(), 0);
        if (step % 20 == 0)
            check_figures(pool);
    }
}

static void test_random(void **state)
{
    (void)state;
    take_and_give(&shared_pool, 0, 31);
    while (held_count > 0)
        give(&shared_pool, 0, BATCH_BLOCKS);
    check_figures(&shared_pool);
    trim_all(false); /* each class was used just now */
    check_figures(&shared_pool);
    trim_all(false);
    CHECK_EQ(purge_warm() % SLAB_SIZE, 0);
    struct slab_figures figures;
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
}

/* A whole pool goes back at once, whatever is out. */
static void test_own_pool(void **state)
{
    static struct pool pool = {.map_byte = CLASS_OWNED};
    struct slab_figures figures;
    (void)state;
    size_t metadata = meta_used_bytes();
    take_and_give(&pool, CLASS_OWNED, 32);
    take(&pool, CLASS_FIRST, 1, CLASS_OWNED); /* a bitmap that is not inline */
    CHECK_EQ(pool_check(&shared_pool), 0);
    pool_destroy(&pool);
    held_count = 0;
    purge_warm();
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
    CHECK_EQ(slab_check(), 0);
    CHECK(meta_used_bytes() <= metadata + 64 * SLABS_PER_SUPERSLAB * sizeof(struct slab));
}

/* ---- order ---- */

static unsigned take_all(unsigned size_class, void **blocks, unsigned slabs)
{
    /* in order: of blocks smaller than a cache line those of a whole line at a time */
    unsigned want = size_classes[size_class].size < CACHE_LINE ? 4 : 1;
    unsigned all = slabs * size_classes[size_class].blocks;
    unsigned count = 0;
    while (count < all)
        count += pool_take(&shared_pool, size_class, blocks + count,
                           (unsigned)min_size(want, all - count));
    return count;
}

static void test_each_class(void **state)
{
    static void *blocks[5000];
    (void)state;
    size_t metadata = meta_used_bytes();
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        const struct size_class *row = &size_classes[size_class];
        unsigned count = take_all(size_class, blocks, 1);
        struct slab *slab = slab_find(blocks[0]);
        CHECK_EQ(slab->slab_count, row->slabs);
        for (unsigned i = 0; i < count; i++) {
            CHECK((char *)blocks[i] == slab->start + i * (size_t)row->size);
            CHECK(slab_find((char *)blocks[i] + row->size - 1) == slab);
        }
        CHECK_EQ(pooled(slab)->free_count, 0);
        CHECK_EQ(pool_check(&shared_pool), 0);
        CHECK_EQ(pool_give(&shared_pool, size_class, blocks, count).fault, FAULT_NONE);
        CHECK_EQ(pool_check(&shared_pool), 0);
        pool_trim(&shared_pool, size_class, true);
    }
    CHECK_EQ(meta_used_bytes(), metadata); /* records of former tests serve, bitmaps come back */
}

/* Fullest first, and the lowest address in it; a short batch rather than a fresh slab. */
static void test_fullest_first(void **state)
{
    enum { SLABS = 4, CLASS = 32 }; /* 1024 bytes, 64 blocks a slab */
    static void *blocks[SLABS * 64];
    static const unsigned given[SLABS] = {40, 10, 60, 25};
    void *got[BATCH_BLOCKS];
    struct pool_figures figures = {0};
    (void)state;
    CHECK_EQ(take_all(CLASS, blocks, SLABS), SLABS * 64);
    for (unsigned slab = 0; slab < SLABS; slab++)
        CHECK_EQ(pool_give(&shared_pool, CLASS, blocks + slab * 64, given[slab]).fault, FAULT_NONE);
    static const unsigned order[SLABS] = {1, 3, 0, 2}; /* by how few blocks are free */
    for (unsigned i = 0; i < SLABS; i++) {
        unsigned slab = order[i];
        for (unsigned block = 0; block < given[slab]; block++) {
            CHECK_EQ(pool_take(&shared_pool, CLASS, got, 1), 1);
            CHECK(got[0] == blocks[slab * 64 + block]);
            CHECK_EQ(pool_check(&shared_pool), 0);
        }
    }
    CHECK_EQ(pool_give(&shared_pool, CLASS, blocks, 3).fault, FAULT_NONE);
    CHECK_EQ(pool_take(&shared_pool, CLASS, got, BATCH_BLOCKS), 3);
    CHECK_EQ(pool_give(&shared_pool, CLASS, blocks, SLABS * 64).fault, FAULT_NONE);
    pool_count(&shared_pool, CLASS, &figures);
    CHECK_EQ(figures.slabs, 1); /* the last one that has blocks stays */
    pool_trim(&shared_pool, CLASS, true);
    pool_count(&shared_pool, CLASS, &figures);
    CHECK_EQ(figures.slabs, 1); /* the sum of both counts */
}

/* ---- pages made present ahead ---- */

static long present_after_one(int64_t prefault)
{
    void *block;
    purge_warm();
    settings.ss_prefault = prefault;
    CHECK_EQ(pool_take(&shared_pool, CLASS_FIRST, &block, 1), 1);
    long present = unit_present_pages(slab_find(block)->start, SLAB_SIZE);
    CHECK_EQ(pool_give(&shared_pool, CLASS_FIRST, &block, 1).fault, FAULT_NONE);
    pool_trim(&shared_pool, CLASS_FIRST, true);
    settings.ss_prefault = PREFAULT_AUTO;
    return present;
}

static void test_prefault(void **state)
{
    (void)state;
    long all = (long)(SLAB_SIZE / os_page_size());
    CHECK_EQ(present_after_one(PREFAULT_OFF), 0);
    CHECK_EQ(present_after_one(PREFAULT_AUTO), 1);
    CHECK_EQ(present_after_one(PREFAULT_POPULATE), all);
    CHECK_EQ(present_after_one(PREFAULT_TOUCH), all);
}

/* ---- threads ---- */

static void *exchange(void *number)
{
    struct held own[64];
    unsigned count = 0;
    uint64_t random = (uintptr_t)number + 7;
    for (unsigned step = 0; step < 6000; step++) {
        unsigned size_class = 1 + unit_random(&random, 4) * 19;
        struct held one = {NULL, size_class};
        if (count < 64 && unit_random(&random, 2)) {
            void *block;
            CHECK_EQ(pool_take(&shared_pool, size_class, &block, 1), 1);
            one.block = block;
            fill(&one);
            own[count++] = one;
        } else if (count > 0) {
            unsigned index = unit_random(&random, count);
            one = own[index];
            own[index] = own[--count];
            check_filled(&one);
            void *block = one.block;
            CHECK_EQ(pool_give(&shared_pool, one.size_class, &block, 1).fault, FAULT_NONE);
        }
    }
    while (count-- > 0) {
        void *block = own[count].block;
        CHECK_EQ(pool_give(&shared_pool, own[count].size_class, &block, 1).fault, FAULT_NONE);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    unit_run_threads(exchange);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(slab_check(), 0);
    check_figures(&shared_pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),     cmocka_unit_test(test_own_pool),
        cmocka_unit_test(test_each_class), cmocka_unit_test(test_fullest_first),
        cmocka_unit_test(test_prefault),   cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
