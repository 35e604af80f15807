/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/space.c: runs in a mask against a count bit by bit, the masks and lists of a
 * superslab as slabs of it are taken and come back, and the table of those that are taken.
 */
#include "unit/slab_layer.h"

#include "slab/slab_run.h"

static struct superslab *superslab; /* all of its slabs are free and cold before each test */

static int set_up(void **state)
{
    bool is_zero;
    (void)state;
    settings.decay_ms = -1;
    if (!reservation_make())
        return -1;
    struct slab *slab = slab_run_take(1, &is_zero);
    if (!slab)
        return -1;
    superslab = superslab_of(slab->start);
    superslab_mark_free(superslab, 1, false);
    return 0;
}

static uint32_t starts_by_bits(uint32_t mask, unsigned count)
{
    uint32_t starts = 0;
    for (unsigned i = 0; i + count <= 32; i++)
        if ((mask >> i & (uint32_t)(((uint64_t)1 << count) - 1)) == ((uint64_t)1 << count) - 1)
            starts |= (uint32_t)1 << i;
    return starts;
}

static void check_runs(uint32_t mask)
{
    CHECK_EQ(superslab_longest_run(mask), longest_by_bits(mask));
    for (unsigned count = 1; count <= 32; count++)
        CHECK_EQ(run_starts(mask, count), starts_by_bits(mask, count));
}

static void test_runs(void **state)
{
    uint64_t random = 9;
    (void)state;
    CHECK_EQ(superslab_longest_run(0), 0);
    CHECK_EQ(superslab_longest_run(ALL_SLABS), 32);
    CHECK_EQ(run_mask(0, 0), 0);
    CHECK_EQ(run_mask(5, 0), 0);
    CHECK_EQ(run_mask(0, 32), ALL_SLABS);
    CHECK_EQ(run_mask(31, 1), (uint32_t)1 << 31);
    check_runs(0);
    check_runs(ALL_SLABS);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t mask = (uint32_t)random_next(&random);
        check_runs(i % 2 ? mask : mask | mask << 7 | mask >> 9);
    }
}

/* The superslab is in exactly the list of its longest run, which the word of lists names. */
static void check_listed(enum run_kind kind, unsigned run)
{
    CHECK_EQ(superslab->run[kind], run);
    for (unsigned list = 1; list < RUN_LISTS; list++) {
        bool is_here = false;
        for (struct superslab *one = space.list[kind][list]; one; one = one->next[kind])
            is_here |= one == superslab;
        CHECK_EQ(is_here, list == run);
        CHECK_EQ(space.occupied[kind] >> list & 1, space.list[kind][list] != NULL);
    }
}

static void test_masks(void **state)
{
    size_t index = superslab_index(superslab);
    size_t used = space.used;
    (void)state;
    check_listed(RUN_FREE, 0); /* wholly free ones are found by `taken` */
    CHECK(!superslab_is_taken(index));
    word_store(&superslab->state, SUPERSLAB_SLABS);
    CHECK(superslab_mark_taken(superslab, run_mask(4, 8)));
    CHECK(superslab_is_taken(index));
    CHECK_EQ(space.used, used + 1);
    check_listed(RUN_FREE, 20);
    check_listed(RUN_WARM, 0);
    size_t warm = space_warm_slabs();
    superslab_mark_free(superslab, run_mask(6, 3), true);
    CHECK_EQ(space_warm_slabs(), warm + 3);
    check_listed(RUN_WARM, 3);
    CHECK(!superslab_mark_taken(superslab, run_mask(6, 1))); /* it was written to */
    CHECK_EQ(space_warm_slabs(), warm + 2);
    superslab_mark_zero_pages(superslab, run_mask(20, 5));
    check_listed(RUN_WARM, 5);
    CHECK(superslab_mark_taken(superslab, run_mask(20, 5)));
    superslab_mark_free(superslab, ~superslab->free, false);
    check_listed(RUN_FREE, 32); /* some slabs are warm */
    superslab_mark_cold(superslab);
    CHECK_EQ(space_warm_slabs(), warm);
    CHECK_EQ(superslab->state, SUPERSLAB_FREE);
    CHECK(!superslab_is_taken(index));
    CHECK_EQ(space.used, used);
    check_listed(RUN_FREE, 0);
    check_listed(RUN_WARM, 0);
}

static void test_taken(void **state)
{
    size_t index = space.first + 100;
    (void)state;
    superslab_set_taken(index, true);
    CHECK(superslab_is_taken(index) && !superslab_is_taken(index - 1));
    space.lowest_free = index + 1;
    superslab_set_taken(index, false);
    CHECK(!superslab_is_taken(index));
    CHECK_EQ(space.lowest_free, index); /* nothing below is missed */
    superslab_set_taken(index + 1, false);
    CHECK_EQ(space.lowest_free, index);
    space_raise_frontier(index);
    space_raise_frontier(index - 50);
    CHECK_EQ(space_peak_superslabs(), 100);
}

/* Somebody else's addresses: never free again, and the frontier passes them. */
static void test_set_aside(void **state)
{
    struct superslab *next = &space.superslabs[space.frontier];
    size_t used = space.used_slabs;
    (void)state;
    superslab_set_aside_locked(next);
    CHECK_EQ(next->state, SUPERSLAB_FIXED);
    CHECK(superslab_is_taken(superslab_index(next)));
    CHECK_EQ(space.frontier, superslab_index(next) + 1);
    CHECK_EQ(space.used_slabs, used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_set_aside),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
