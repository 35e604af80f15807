/* SPDX-License-Identifier: MIT */
/* Tests of lane/size_class.c and the arithmetic of lane/lane.h: every size, every class, every
 * offset in every run that is cut into blocks. */
#include "unit/unit.h"

#include "lane/lane.h"

static void test_every_size(void **state)
{
    (void)state;
    for (size_t size = 0; size <= LANE_ACE_MAX; size++) {
        unsigned size_class = size_class_of(size);
        CHECK(size_class >= CLASS_FIRST && size_class <= CLASS_ACE_LAST);
        size_t bytes = size_classes[size_class].size;
        CHECK(bytes >= size);
        CHECK(size_class == CLASS_FIRST || size_classes[size_class - 1].size < size);
        CHECK_EQ(bytes % BLOCK_ALIGN, 0);
        if (size > 128) {
            CHECK((bytes - size) * 8 <= size);
            CHECK_EQ(size_class_of_large(size), size_class);
        }
    }
}

static void test_powers_of_two(void **state)
{
    (void)state;
    for (size_t size = 16; size <= LANE_ACE_MAX; size *= 2)
        CHECK_EQ(size_classes[size_class_of(size)].size, size);
}

/* Each size is in one lane, and its class in the same one. */
static void test_lanes(void **state)
{
    (void)state;
    for (size_t size = 0; size <= LANE_ACE_MAX; size++) {
        unsigned size_class = size_class_of(size);
        bool is_tiny = size <= LANE_TINY_MAX;
        bool is_pool = size >= LANE_POOL_MIN && size <= LANE_POOL_MAX;
        bool is_ace = size >= LANE_ACE_MIN && size <= LANE_ACE_MAX;
        CHECK_EQ(is_tiny + is_pool + is_ace, 1);
        CHECK_EQ(is_tiny, size_class <= CLASS_TINY_LAST);
        CHECK_EQ(is_pool, size_class > CLASS_TINY_LAST && size_class <= CLASS_POOL_LAST);
        CHECK_EQ(is_ace, is_ace_class(size_class));
        CHECK_EQ(is_tiny || is_pool, is_block_class(size_class));
    }
    CHECK_EQ(LANE_HUGE_MIN, LANE_ACE_MAX + 1);
    CHECK_EQ(LANE_HUGE_MAX, PTRDIFF_MAX);
    CHECK(!is_block_class(CLASS_NONE) && !is_ace_class(CLASS_NONE));
    CHECK(!is_ace_class(CLASS_HUGE) && !is_ace_class(CLASS_OWNED));
}

static void test_table(void **state)
{
    (void)state;
    CHECK_EQ(size_classes[CLASS_NONE].size, 0);
    CHECK_EQ(size_classes[CLASS_FIRST].size, 16);
    CHECK_EQ(size_classes[CLASS_TINY_LAST].size, LANE_TINY_MAX);
    CHECK_EQ(size_classes[CLASS_POOL_LAST].size, LANE_POOL_MAX);
    CHECK_EQ(size_classes[CLASS_ACE_LAST].size, LANE_ACE_MAX);
    for (unsigned i = CLASS_ACE_LAST + 1; i < CLASS_COUNT; i++)
        CHECK_EQ(size_classes[i].size, 0);
    for (unsigned i = CLASS_FIRST; i <= CLASS_ACE_LAST; i++) {
        const struct size_class *row = &size_classes[i];
        size_t run = row->slabs * SLAB_SIZE;
        CHECK(row->size > size_classes[i - 1].size);
        CHECK(row->blocks >= 1 && row->slabs >= 1 && row->slabs <= SLABS_PER_SUPERSLAB);
        CHECK(row->blocks * (size_t)row->size <= run);
        CHECK_EQ(row->blocks, is_block_class(i) ? run / row->size : 1);
        if (is_block_class(i))
            CHECK((run - row->blocks * (size_t)row->size) * 8 <= run);
        else
            CHECK_EQ(row->slabs, (row->size + SLAB_SIZE - 1) / SLAB_SIZE);
        CHECK(i > CLASS_TINY_LAST || row->slabs == 1);
    }
}

static void test_reciprocal(void **state)
{
    (void)state;
    for (unsigned i = CLASS_FIRST; i <= CLASS_POOL_LAST; i++) {
        const struct size_class *row = &size_classes[i];
        for (size_t offset = 0; offset < row->slabs * SLAB_SIZE; offset++)
            CHECK_EQ(offset * row->reciprocal >> RECIPROCAL_SHIFT, offset / row->size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size), cmocka_unit_test(test_powers_of_two),
        cmocka_unit_test(test_lanes),      cmocka_unit_test(test_table),
        cmocka_unit_test(test_reciprocal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
