/* SPDX-License-Identifier: MIT */
/* Tests of lane/pool_check.c: each fault planted in a pool, reported and taken back. */
#include "unit/unit.h"

#include "lane/lane.h"

#define SIZE_CLASS 10

static struct slab *slab; /* partly in use */
static void *blocks[20];

static int set_up(void **state)
{
    settings.ss_prefault = PREFAULT_OFF; /* a young class gives no more than pages present */
    (void)state;
    settings.decay_ms = -1;
    if (!reservation_make() || pool_take(&shared_pool, SIZE_CLASS, blocks, 20) != 20)
        return -1;
    slab = slab_find(blocks[0]);
    return 0;
}

#define CHECK_PLANTED(field, value, expected)                                                      \
    do {                                                                                           \
        __typeof__(field) sound_ = (field);                                                        \
        (field) = (value);                                                                         \
        CHECK_REPORTS(pool_check(&shared_pool), expected);                                         \
        (field) = sound_;                                                                          \
        CHECK_EQ(pool_check(&shared_pool), 0);                                                     \
    } while (0)

static void test_figures(void **state)
{
    struct pool_figures figures = {.slabs = 1, .blocks_out = 1, .blocks_free = 1};
    (void)state;
    pool_count(&shared_pool, SIZE_CLASS, &figures);
    CHECK_EQ(figures.slabs, 2);
    CHECK_EQ(figures.blocks_out, 21);
    CHECK_EQ(figures.blocks_free, size_classes[SIZE_CLASS].blocks - 20 + 1);
    CHECK_EQ(pool_check(&shared_pool), 0);
}

static void test_records(void **state)
{
    (void)state;
    CHECK_PLANTED(slab->size_class, SIZE_CLASS + 1, "in a list of another class or pool");
    CHECK_PLANTED(slab->state, SLAB_FREE, "in a list of another class or pool");
    CHECK_PLANTED(slab->owner, NULL, "in a list of another class or pool");
    CHECK_PLANTED(slab->size, 16, "cut into blocks of another size");
    CHECK_PLANTED(pooled(slab)->block_count, pooled(slab)->block_count - 1,
                  "cut into blocks of another size");
    CHECK_PLANTED(pooled(slab)->free_count, pooled(slab)->free_count - 1,
                  "the bitmap and the count");
    CHECK_PLANTED(pooled(slab)->bits[0], pooled(slab)->bits[0] | 1, "the bitmap and the count");
    CHECK_PLANTED(slab->list, slab->list + 1, "in the wrong list by fullness");
    CHECK_PLANTED(pooled(slab)->low_word, 3, "free below the lowest word");
}

static void test_slab_map(void **state)
{
    uint8_t *byte = slab_map_at(reservation_get(),
                                reservation_offset(reservation_get(), slab->start));
    (void)state;
    CHECK_PLANTED(*byte, SIZE_CLASS + 1, "the slab map says another class");
    CHECK_PLANTED(*byte, CLASS_NONE, "the slab map says another class");
}

static void test_count(void **state)
{
    struct pool_class *pool = &shared_pool.classes[SIZE_CLASS];
    (void)state;
    CHECK_PLANTED(pool->slab_count, 2, "has 1 slabs, but 2 are counted");
    CHECK_PLANTED(pool->lists[slab->list], NULL, "has 0 slabs, but 1 are counted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_slab_map),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
