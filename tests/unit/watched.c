/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/watched.c: the bins of a watched thread look empty to the fast path, but not to
 * the counted pop; blocks that a slow path frees are samples no more; frees of their neighbours
 * stay fast.
 */
#include "unit/own_cache.h"

#include "front/route.h"
#include "front/watched.h"

static unsigned byte_of(const void *block)
{
    return slab_map_get(reservation_get(), reservation_offset(reservation_get(), block));
}

/* A bin looks empty to the fast path, and full of what it holds to the counted pop. */
static void watched_bin(void)
{
    CHECK(reservation_make());
    void *block = route_alloc(100, false);
    CHECK(route_free(block));
    CHECK(watched_start(TIB));
    CHECK(front_alloc(100) == NULL);
    void *again = watched_alloc(100);
    CHECK(again == NULL || front_free(again)); /* the first one draws the distance */
    again = again ? again : route_alloc(100, false);
    CHECK(front_free(again));
    again = watched_alloc(100);
    CHECK(again != NULL);
    CHECK(front_free(again));
    watched_stop();
    CHECK(front_alloc(100) == again);
}

/* A cache that a thread gets while profiling is on is watched from its start. */
static void check_new_thread(void)
{
    void *block = route_alloc(100, false);
    CHECK(route_free(block)); /* its bin may have no room for a fast one */
    CHECK(bin_is_watched(own_cache(), size_class_of(100)));
    CHECK(front_alloc(100) == NULL);
}

static void new_thread(void)
{
    CHECK(reservation_make());
    CHECK(watched_start(TIB));
    run_in_thread(check_new_thread);
    watched_stop();
}

/* With interval 1 each block is a sample, with its label; its end is a free. */
static void samples(void)
{
    CHECK(reservation_make());
    void *neighbour = route_alloc(100, false);
    CHECK(watched_start(1));
    watched_label = 5;
    void *block = route_alloc(100, false);
    watched_stop();
    CHECK(profile_has(block) && !profile_has(neighbour));
    CHECK_EQ(profile.sample_count, 1);
    CHECK_EQ(byte_of(block), CLASS_SAMPLED);
    CHECK_EQ(byte_of(neighbour), CLASS_SAMPLED);
    CHECK_EQ(watched_byte(CLASS_SAMPLED, block), size_class_of(100));
    CHECK(!front_free(neighbour) && !watched_free(block));
    CHECK(watched_free(neighbour));
    CHECK(route_free(block));
    CHECK(!profile_has(block));
    CHECK_EQ(profile.sample_count, 0);
    CHECK_EQ(byte_of(block), size_class_of(100));
    check_structure();
}

#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_CHILD(body);                                                                         \
    }

CHILD_TEST(watched_bin)
CHILD_TEST(new_thread)
CHILD_TEST(samples)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watched_bin),
        cmocka_unit_test(test_new_thread),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
