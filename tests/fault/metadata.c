/* SPDX-License-Identifier: MIT */
/*
 * Metadata runs out while address space does not: address space is rationed, and somebody else's
 * mapping stands where the arena would grow. Whatever needs a record, a bitmap, a magazine or a
 * heap gives up and leaves nothing behind; what needs none goes on.
 */
#include "unit/unit.h"

#include "front/owned_heap.h"
#include "front/route.h"
#include "front/trim.h"
#include "slab/superslab.h"

static char *arena;

static void make(void)
{
    settings.decay_ms = -1;
    unit_ration();
    CHECK(reservation_make());
    arena = meta_alloc(64); /* the first block is where the arena starts */
}

static void use_up_metadata(void)
{
    CHECK(os_map_at(arena + META_STEP, os_page_size()) == OS_MAP_DONE);
    for (size_t size = META_FREE_MAX; size >= 64; size /= 2)
        while (meta_alloc(size))
            ;
}

static size_t mapped_bytes(void)
{
    struct slab_figures figures;
    CHECK_EQ(slab_check(), 0);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(depot_check(), 0);
    CHECK_EQ(owned_heap_check(), 0);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        pool_trim(&shared_pool, size_class, true);
    slab_count(&figures);
    return figures.mapped_bytes;
}

/* No superslab has records yet. */
static void without_records(void)
{
    bool is_zero;
    void *block;
    make();
    use_up_metadata();
    for (unsigned i = 0; i < 3; i++) {
        CHECK(slab_run_take(1, &is_zero) == NULL);
        CHECK(ace_take(CLASS_ACE_LAST, NULL, &is_zero) == NULL);
        CHECK(huge_take(3 * MIB, BLOCK_ALIGN, NULL, &is_zero) == NULL);
        CHECK(huge_take(3 * MIB, 8 * MIB, NULL, &is_zero) == NULL);
        CHECK_EQ(pool_take(&shared_pool, 5, &block, 1), 0);
        CHECK(owned_heap_new() == NULL);
        CHECK(thread_cache_get() == NULL);
        CHECK(route_alloc(10, true) == NULL);
        CHECK(route_alloc(10 * MIB, false) == NULL);
        CHECK_EQ(mapped_bytes(), 0);
        CHECK_EQ(span_bytes(), 0);
    }
    /* address space alone is no problem */
    char *range = superslab_range_take(2, &is_zero);
    CHECK(range != NULL && superslab_first_record(range) == NULL);
    superslab_range_give(range, 2, 0);
    CHECK_EQ(mapped_bytes(), 0);
}

/* Records there are, but no bitmap for small blocks, no magazine, no batch. */
static void with_records(void)
{
    bool is_zero;
    void *blocks[BATCH_BLOCKS];
    make();
    char *huge = huge_take(3 * MIB, BLOCK_ALIGN, NULL, &is_zero);
    pattern_fill(huge, MIB, 1);
    slab_run_give(slab_run_take(1, &is_zero));
    use_up_metadata();
    size_t mapped = mapped_bytes();
    CHECK_EQ(pool_take(&shared_pool, CLASS_FIRST, blocks, 1), 0);
    CHECK_EQ(mapped_bytes(), mapped);
    CHECK_EQ(shared_pool.classes[CLASS_FIRST].slab_count, 0);
    unsigned got = pool_take(&shared_pool, 20, blocks, BATCH_BLOCKS); /* an inline bitmap */
    CHECK(got > 0);
    CHECK(!depot_give(20, blocks, got, DEPOT_BYTES_MAX));
    CHECK_EQ(pool_give(&shared_pool, 20, blocks, got).fault, FAULT_NONE);
    char *block = route_alloc(300, true); /* no thread cache: one by one */
    CHECK(block != NULL && unit_is_zero(block, 300));
    CHECK(route_free(block));
    char *span = route_alloc(300 * KIB, true);
    CHECK(span != NULL && unit_is_zero(span, 300 * KIB));
    CHECK(route_free(span));
    CHECK_EQ(mapped_bytes(), mapped);
    void *resized;
    CHECK(route_resize(huge, 3 * MIB + 1, &resized) && resized == huge);
    CHECK(pattern_holds(huge, MIB, 1));
    CHECK(route_free(huge));
    CHECK_EQ(mapped_bytes(), 0);
}

/* A thread with a heap whose bins cannot get slots. */
static void with_heap(void)
{
    void *blocks[200];
    make();
    CHECK(thread_cache_get() != NULL);
    CHECK(route_free(route_alloc(512, false))); /* records, one bin with a few slots */
    use_up_metadata();
    for (unsigned size = 200; size <= 2000; size += 100) {
        for (unsigned i = 0; i < 200; i++) {
            CHECK((blocks[i] = route_alloc(size, false)) != NULL);
            memset(blocks[i], (int)i, size);
        }
        for (unsigned i = 0; i < 200; i++) {
            CHECK_EQ(((unsigned char *)blocks[i])[size - 1], i);
            CHECK(front_free(blocks[i]) || route_free(blocks[i]));
        }
        mapped_bytes();
    }
    trim_all();
    CHECK_EQ(mapped_bytes(), 0);
}

CHILD_TEST(without_records)
CHILD_TEST(with_records)
CHILD_TEST(with_heap)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_records),
        cmocka_unit_test(test_with_records),
        cmocka_unit_test(test_with_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
