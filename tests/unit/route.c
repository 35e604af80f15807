/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/route.c: every lane through one door, resizing within and
 * across lanes, alignment, zero, pointers that are not ours, ageing, and what is said of a wrong
 * pointer.
 */
#include "unit/unit.h"

#include "front/route.h"
#include "front/trim.h"
#include "front/unified_cache.h"

#define HELD_MAX 120

/* Purpose: a block that the test holds, with the sparse pattern of its size and key. */
struct held {
    char *block;
    size_t size;
    uint64_t key;
};

static struct held held[HELD_MAX];

static void make(void)
{
    settings.decay_ms = -1;
    CHECK(reservation_make());
}

static void check_structure(void)
{
    CHECK_EQ(slab_check(), 0);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(depot_check(), 0);
}

static size_t usable_of(const void *block)
{
    size_t usable = 0;
    CHECK(route_usable(block, &usable));
    return usable;
}

/* Mostly small, each lane often, and the borders between lanes. */
static size_t random_size(uint64_t *random)
{
    static const size_t borders[] = {LANE_TINY_MAX, LANE_POOL_MAX, LANE_ACE_MAX, SLAB_SIZE};
    switch (unit_random(random, 8)) {
    case 0: return borders[unit_random(random, 4)] + unit_random(random, 3) - 1;
    case 1: return LANE_HUGE_MIN + random_next(random) % (4 * MIB);
    case 2: return LANE_ACE_MIN + random_next(random) % (LANE_ACE_MAX - LANE_ACE_MIN);
    case 3: return LANE_POOL_MIN + random_next(random) % (LANE_POOL_MAX - LANE_POOL_MIN);
    default: return unit_random(random, LANE_TINY_MAX + 1);
    }
}

static void fill(struct held *one)
{
    one->key++;
    pattern_fill_sparse(one->block, one->size, one->key);
}

static void take(struct held *one, uint64_t *random)
{
    size_t size = random_size(random);
    bool is_zeroed = unit_random(random, 2);
    size_t alignment = BLOCK_ALIGN << (unit_random(random, 3) ? 0 : unit_random(random, 18));
    one->block = route_alloc_aligned(alignment, size, is_zeroed);
    one->size = size;
    CHECK(one->block != NULL);
    CHECK_EQ((uintptr_t)one->block % alignment, 0);
    CHECK(usable_of(one->block) >= size);
    if (is_zeroed && size <= PATTERN_DENSE_MAX)
        CHECK(unit_is_zero(one->block, size));
    for (size_t at = 0; is_zeroed && at + 64 <= size; at += 4 * KIB)
        CHECK(unit_is_zero(one->block + at, 64));
    fill(one);
}

static void resize(struct held *one, uint64_t *random)
{
    void *resized;
    size_t size = max_size(random_size(random), 1);
    CHECK(route_resize(one->block, size, &resized));
    CHECK(resized != NULL);
    CHECK(pattern_sparse_holds(resized, one->size, size, one->key));
    one->block = resized;
    one->size = size;
    CHECK(usable_of(resized) >= size);
    fill(one);
}

static void give(struct held *one)
{
    CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
    CHECK(route_free(one->block));
    one->block = NULL;
}

static void at_random(void)
{
    uint64_t random = 81;
    make();
    for (unsigned step = 0; step < 2500; step++) {
        struct held *one = &held[unit_random(&random, HELD_MAX)];
        if (!one->block)
            take(one, &random);
        else if (unit_random(&random, 2))
            resize(one, &random);
        else
            give(one);
        if (step % 4 == 0)
            check_structure();
        if (step % 500 == 0)
            trim_all();
    }
    for (unsigned i = 0; i < HELD_MAX; i++)
        if (held[i].block)
            give(&held[i]);
    CHECK(trim_all() > 0);
    struct slab_figures figures;
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
    check_structure();
}

static void each_lane(void)
{
    struct reservation *base;
    make();
    base = reservation_get();
    for (size_t size = 0; size <= 5 * MIB; size = size < 70000 ? size + 13 : size * 5 / 4) {
        char *block = route_alloc(size, false);
        unsigned byte = slab_map_get(base, reservation_offset(base, block));
        CHECK_EQ(byte, size > LANE_ACE_MAX ? CLASS_HUGE : size_class_of(size));
        CHECK_EQ(usable_of(block), route_good_size(size));
        CHECK(route_good_size(size) >= size);
        CHECK(route_free(block));
    }
    CHECK_EQ(route_good_size(SIZE_MAX), 0);
    CHECK_EQ(route_good_size((size_t)PTRDIFF_MAX + 1), 0);
    CHECK(route_alloc(SIZE_MAX, false) == NULL);
    CHECK(route_alloc(PTRDIFF_MAX, true) == NULL);
    check_structure();
}

static void aligned_classes(void)
{
    for (size_t alignment = BLOCK_ALIGN; alignment <= GIB; alignment *= 2)
        for (size_t size = 0; size <= LANE_HUGE_MIN; size = size * 9 / 8 + 7) {
            unsigned size_class = front_aligned_class(alignment, size);
            if (size_class == CLASS_HUGE) {
                CHECK(size > LANE_ACE_MAX || alignment > SLAB_SIZE);
                continue;
            }
            CHECK(size <= LANE_ACE_MAX && alignment <= SLAB_SIZE);
            CHECK(size_classes[size_class].size >= size);
            if (!is_block_class(size_class))
                continue;
            CHECK_EQ(size_classes[size_class].size % alignment, 0);
            for (unsigned other = size_class_of(size); other < size_class; other++)
                CHECK(size_classes[other].size % alignment != 0);
        }
}

static void foreign_pointers(void)
{
    static int data;
    size_t usable;
    void *result;
    make();
    void *const foreign[] = {&data, &usable, (char *)reservation_get() - 1, NULL,
                             (char *)reservation_get() + reservation_get()->size};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        CHECK(!route_free(foreign[i]));
        CHECK(!route_usable(foreign[i], &usable));
        CHECK(!route_resize(foreign[i], 10, &result));
    }
}

/* A block stays where it is as long as it is half full, spans where there is room. */
static void resize_in_place(void)
{
    void *result;
    make();
    char *block = route_alloc(1000, false);
    for (size_t size = 512; size <= 1024; size++)
        CHECK(route_resize(block, size, &result) && result == block);
    CHECK(route_resize(block, 100, &result) && result != block);
    CHECK(usable_of(result) < 1024);
    block = route_alloc(128 * KIB, false);
    CHECK(route_resize(block, MIB, &result) && result == block);
    CHECK_EQ(usable_of(block), MIB);
    CHECK(route_resize(block, 100 * KIB, &result) && result == block);
    CHECK(usable_of(block) < 128 * KIB);
    check_structure();
}

/* Slow paths age what lies idle: depots by their working set, slabs by the decay time. */
static void ageing(void)
{
    enum { COUNT = 3000, SIZE = 512 };
    static void *blocks[COUNT];
    struct slab_figures figures;
    make();
    settings.decay_ms = 20;
    for (unsigned i = 0; i < COUNT; i++)
        blocks[i] = route_alloc(SIZE, false);
    for (unsigned i = 0; i < COUNT; i++)
        CHECK(front_free(blocks[i]) || route_free(blocks[i]));
    uint64_t end = os_now_ms() + 1000 * HANG_SECONDS;
    do {
        void *block = route_alloc(LANE_HUGE_MIN, false); /* a slow path that needs none of it */
        CHECK(route_free(block));
        slab_count(&figures);
    } while ((depot_count(size_class_of(SIZE)) > 0 || figures.warm_bytes > 4 * MIB) &&
             os_now_ms() < end);
    CHECK_EQ(depot_count(size_class_of(SIZE)), 0);
    check_structure();
}

/* ---- misuse ---- */

static void free_huge_twice(void)
{
    make();
    void *block = route_alloc(3 * MIB, false);
    route_free(block);
    route_free(block);
}

static void free_inside_huge(void)
{
    make();
    route_free((char *)route_alloc(3 * MIB, false) + 16);
}

static void free_far_inside_huge(void)
{
    make();
    route_free((char *)route_alloc(5 * MIB, false) + 2 * MIB);
}

static void resize_inside(void)
{
    void *result;
    make();
    route_resize((char *)route_alloc(100, false) + 8, 200, &result);
}

static void usable_of_freed(void)
{
    size_t usable;
    make();
    void *block = route_alloc(100, false);
    CHECK(route_free(block));
    route_usable(block, &usable);
}

static void free_in_the_head(void)
{
    make();
    route_free((char *)reservation_get() + 4096);
}

CHILD_TEST(at_random)
CHILD_TEST(each_lane)
CHILD_TEST(aligned_classes)
CHILD_TEST(foreign_pointers)
CHILD_TEST(resize_in_place)
CHILD_TEST(ageing)

static void test_misuse(void **state)
{
    (void)state;
    CHECK_ABORTS(free_huge_twice, "double free of a 3145728-byte block");
    CHECK_ABORTS(free_inside_huge, "not the start of a block, but inside one of 3145728 bytes");
    CHECK_ABORTS(free_far_inside_huge, "not the start of a block, but inside one of 5242880 bytes");
    CHECK_ABORTS(resize_inside, "not the start of a block, but inside one of 112 bytes");
    CHECK_ABORTS(usable_of_freed, "double free of a 112-byte block");
    CHECK_ABORTS(free_in_the_head, "not the start of a block\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_random),       cmocka_unit_test(test_each_lane),
        cmocka_unit_test(test_aligned_classes), cmocka_unit_test(test_foreign_pointers),
        cmocka_unit_test(test_resize_in_place), cmocka_unit_test(test_ageing),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
