/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/parts.c: masks of parts, which parts the blocks of each class lie in, and what
 * becomes of the marks of parts that are absent.
 */
#include "unit/unit.h"

#include "lane/parts.h"
#include "lane/pool_check.h"
#include "lane/pool_give.h"
#include "lane/shared_pool.h"
#include "slab/reservation.h"

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = -1;
    settings.ss_prefault = PREFAULT_OFF;
    settings.huge_pages = HUGE_PAGES_OFF;
    return reservation_make() ? 0 : -1;
}

static void test_masks(void **state)
{
    (void)state;
    CHECK_EQ(part_mask(0, 0), 1);
    CHECK_EQ(part_mask(0, PARTS - 1), UINT64_MAX);
    CHECK_EQ(part_mask(PARTS - 1, PARTS - 1), (uint64_t)1 << 63);
    CHECK_EQ(part_mask(3, 5), 0x38);
    CHECK_EQ(lowest_run(UINT64_MAX), PARTS);
    CHECK_EQ(lowest_run((uint64_t)1 << 63), 1);
    CHECK_EQ(lowest_run(0xb8), 3);
}

/* A block needs the parts that its bytes lie in, and no others: for each block of each class. */
static void test_take(void **state)
{
    (void)state;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class += 4) {
        void *first;
        CHECK_EQ(pool_take(&shared_pool, size_class, &first, 1), 1);
        struct slab *slab = slab_find(first);
        size_t part = part_bytes(slab);
        CHECK(part * PARTS >= (size_t)slab->slab_count << SLAB_SHIFT);
        CHECK_EQ(part % os_page_size(), 0);
        for (unsigned i = 0; i < pooled(slab)->block_count; i++) {
            void *block = slab->start + i * slab->size;
            uint64_t wanted = 0;
            for (size_t at = i * slab->size; at < (i + 1) * slab->size; at += 16)
                wanted |= (uint64_t)1 << at / part;
            pooled(slab)->absent = UINT64_MAX;
            CHECK_EQ(parts_take(slab, &block, 1), wanted);
            CHECK_EQ(pooled(slab)->absent, ~wanted);
            CHECK_EQ(parts_take(slab, &block, 1), 0); /* they are present already */
        }
        pooled(slab)->absent = 0;
        CHECK_EQ(pool_give(&shared_pool, size_class, &first, 1).fault, FAULT_NONE);
        pool_trim(&shared_pool, size_class, true);
    }
}

/* Runs of parts are made present, and nothing beside them. */
static void test_present(void **state)
{
    void *block;
    (void)state;
    CHECK_EQ(pool_take(&shared_pool, CLASS_FIRST, &block, 1), 1);
    struct slab *slab = slab_find(block);
    size_t page = os_page_size();
    size_t size = (size_t)slab->slab_count << SLAB_SHIFT;
    CHECK(os_purge(slab->start, size));
    parts_make_present(slab, 0);
    CHECK_EQ(unit_present_pages(slab->start, size), 0);
    parts_make_present(slab, part_mask(1, 2) | part_mask(5, 5));
    for (size_t i = 0; i < size / page; i++) {
        size_t number = i * page / part_bytes(slab);
        CHECK_EQ(unit_present_pages(slab->start + i * page, page),
                 number == 1 || number == 2 || number == 5);
    }
    pooled(slab)->absent = part_mask(2, 4);
    CHECK_EQ(parts_absent_bytes(slab), 3 * part_bytes(slab));
    /* the slab leaves: only what lies below the first absent part is believed to be present */
    slab->resident = (uint16_t)(size / page);
    parts_forget(slab);
    CHECK_EQ(slab->resident, 2 * part_bytes(slab) / page);
    slab->resident = 1;
    parts_forget(slab);
    CHECK_EQ(slab->resident, 1);
    pooled(slab)->absent = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_present),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
