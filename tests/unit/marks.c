/* SPDX-License-Identifier: MIT */
/*
 * Tests of watch/marks.c: a slab is marked as long as it has a sample; the mark knows the blocks
 * beside one sample, and beside several; runs of several slabs ask the slab; marks that leave do
 * not hide others.
 */
#include "unit/unit.h"

#include "lane/shared_pool.h"
#include "slab/reservation.h"
#include "watch/marks.h"
#include "watch/profile.h"

static void make(void)
{
    CHECK(reservation_make());
    CHECK(profile_make(256 * KIB));
    profile_begin(PROFILE_BY_PROGRAM, 1);
    profile_end(PROFILE_BY_PROGRAM); /* nothing but the test itself adds samples */
}

static void *take(size_t size)
{
    void *block;
    CHECK_EQ(pool_take(&shared_pool, size_class_of(size), &block, 1), 1);
    return block;
}

static void add(const void *block, size_t size)
{
    profile_add(&(struct profile_event){block, size, size, 5, 0, 1});
}

static unsigned byte_of(const void *block)
{
    return slab_map_get(reservation_get(), reservation_offset(reservation_get(), block));
}

/* The class of a block that is no sample; CLASS_NONE: it is one, or the slab must be asked. */
static unsigned class_of_other(const void *block)
{
    bool is_sure = true;
    unsigned size_class = marks_class_beside(block, &is_sure);
    return is_sure || !profile_has(block) ? size_class : CLASS_NONE;
}

static void beside_samples(void)
{
    make();
    unsigned size_class = size_class_of(100);
    void *one = take(100), *two = take(100), *other = take(100);
    CHECK_EQ(class_of_other(other), CLASS_NONE); /* its slab has no sample */
    add(one, 112);
    CHECK_EQ(byte_of(other), CLASS_SAMPLED);
    CHECK_EQ(class_of_other(one), CLASS_NONE);
    CHECK_EQ(class_of_other(two), size_class);
    add(two, 112);
    CHECK_EQ(class_of_other(one), CLASS_NONE);
    CHECK_EQ(class_of_other(two), CLASS_NONE);
    CHECK_EQ(class_of_other(other), size_class);
    profile_forget(one);
    CHECK_EQ(class_of_other(one), size_class);
    CHECK_EQ(class_of_other(two), CLASS_NONE);
    CHECK_EQ(class_of_other(other), size_class);
    profile_forget(two);
    CHECK_EQ(byte_of(other), size_class);
    CHECK_EQ(class_of_other(other), CLASS_NONE);
}

/* A run of several slabs has its mark at the first. */
static void in_runs(void)
{
    make();
    size_t size = LANE_POOL_MAX / 2;
    void *blocks[8];
    for (unsigned i = 0; i < 8; i++)
        blocks[i] = take(size);
    add(blocks[1], size);
    for (unsigned i = 0; i < 8; i++) {
        unsigned found = class_of_other(blocks[i]);
        CHECK(found == CLASS_NONE || (i != 1 && found == size_class_of(size)));
    }
    profile_forget(blocks[1]);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(byte_of(blocks[i]), size_class_of(size));
}

/* One sample in each of many slabs: random ones go, and the others are still found. */
static void many_slabs(void)
{
    enum { SLABS = 200 };
    static void *samples[SLABS], *others[SLABS];
    uint64_t random = 7;
    make();
    for (unsigned i = 0; i < SLABS; i++) {
        void *block = take(4096);
        while (i > 0 && (uintptr_t)block / SLAB_SIZE == (uintptr_t)samples[i - 1] / SLAB_SIZE)
            block = take(4096);
        samples[i] = block;
        others[i] = take(4096);
        if ((uintptr_t)others[i] / SLAB_SIZE != (uintptr_t)block / SLAB_SIZE)
            others[i] = NULL;
        add(block, 4096);
    }
    for (unsigned left = SLABS; left > 0; left--) {
        unsigned gone = (unsigned)(random_next(&random) % left);
        profile_forget(samples[gone]);
        samples[gone] = samples[left - 1];
        others[gone] = others[left - 1];
        for (unsigned i = 0; i + 1 < left; i++) {
            CHECK_EQ(class_of_other(samples[i]), CLASS_NONE);
            CHECK(!others[i] || class_of_other(others[i]) == size_class_of(4096));
        }
    }
}

#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_CHILD(body);                                                                         \
    }

CHILD_TEST(beside_samples)
CHILD_TEST(in_runs)
CHILD_TEST(many_slabs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside_samples),
        cmocka_unit_test(test_in_runs),
        cmocka_unit_test(test_many_slabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
