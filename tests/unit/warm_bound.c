/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/warm_bound.c: the bound by what is live, by the settings and by the program's wish,
 * when it doubles and is halved, and what counts as warm.
 */
#include "unit/unit.h"

#include "slab/decay.h"
#include "slab/reservation.h"
#include "slab/space.h"
#include "slab/warm_bound.h"

#define SLABS(bytes) ((size_t)(bytes) >> SLAB_SHIFT)

static void make(void)
{
    CHECK(reservation_make());
    settings.decay_ms = 3600000;
    settings.ss_cache_max = 4 * GIB;
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB));
}

/* A quarter of what is live, from 32 to 64 MiB; free blocks in slabs are not live. */
static void by_live(void)
{
    make();
    space_count_used((ptrdiff_t)SLABS(160 * MIB));
    CHECK_EQ(warm_bound_slabs(), SLABS(40 * MIB));
    space_count_used((ptrdiff_t)SLABS(GIB));
    CHECK_EQ(warm_bound_slabs(), SLABS(64 * MIB));
    warm_bound_note_loose(0, (ptrdiff_t)GIB);
    CHECK_EQ(warm_bound_slabs(), SLABS(40 * MIB));
    warm_bound_note_loose(0, 3 * (ptrdiff_t)GIB); /* a figure that is too large for a moment */
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB));
}

static void by_settings(void)
{
    make();
    warm_bound_wish(200 * MIB);
    CHECK_EQ(warm_bound_slabs(), SLABS(200 * MIB));
    settings.ss_cache_max = 100 * MIB;
    CHECK_EQ(warm_bound_slabs(), SLABS(100 * MIB));
    settings.decay_ms = -1; /* nothing decays: only the setting bounds */
    CHECK_EQ(warm_bound_slabs(), SLABS(100 * MIB));
    settings.decay_ms = 0;
    CHECK_EQ(warm_bound_slabs(), 0);
}

/* A sixteenth of the bound that is used again soon doubles it, five times at most; it is halved
 * after two decay times in which its upper half was not used. */
static void doubling(void)
{
    make();
    warm_bound_note_return(SLABS(MIB));
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB));
    warm_bound_note_return(SLABS(MIB)); /* the sum counts */
    CHECK_EQ(warm_bound_slabs(), SLABS(64 * MIB));
    for (unsigned i = 0; i < 10; i++)
        warm_bound_note_return(SLABS(GIB));
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB) << 5);
    warm_bound_pass(2 * EPOCHS_PER_DECAY - 1);
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB) << 5);
    warm_bound_pass(1);
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB) << 4);
    for (unsigned i = 0; i < 10; i++)
        warm_bound_pass(2 * EPOCHS_PER_DECAY);
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB));
    /* what was regretted fades */
    warm_bound_note_return(SLABS(MIB));
    warm_bound_pass(1);
    warm_bound_note_return(SLABS(MIB));
    CHECK_EQ(warm_bound_slabs(), SLABS(32 * MIB));
}

/* Slabs that are taken: those purged for the bound within the decay time count, once. */
static void takes(void)
{
    struct superslab superslab = {.purged = ALL_SLABS};
    make();
    memset(superslab.age, (uint8_t)(decay_epoch() - EPOCHS_PER_DECAY - 1), sizeof(superslab.age));
    warm_bound_note_take(&superslab, ALL_SLABS); /* too long ago */
    CHECK_EQ(superslab.purged, 0);
    CHECK_EQ(warm_bound.regretted, 0);
    superslab.purged = ALL_SLABS;
    memset(superslab.age, (uint8_t)(decay_epoch() - EPOCHS_PER_DECAY), sizeof(superslab.age));
    warm_bound_note_take(&superslab, run_mask(8, 4));
    CHECK_EQ(superslab.purged, ~run_mask(8, 4));
    CHECK_EQ(warm_bound.regretted, 4);
    warm_bound_note_take(&superslab, run_mask(8, 4));
    CHECK_EQ(warm_bound.regretted, 4);
}

/* Warm slabs and free pages of partly used ones together. */
static void over(void)
{
    make();
    space_count_warm((ptrdiff_t)SLABS(20 * MIB));
    warm_bound_note_loose(12 * (ptrdiff_t)MIB, 0);
    CHECK(!warm_bound_is_over(4));
    CHECK(warm_bound_is_over(3));
    warm_bound_note_loose(1, 0);
    CHECK(warm_bound_is_over(4));
    settings.bench_fast_mode = 1;
    CHECK(!warm_bound_is_over(4));
    settings.bench_fast_mode = 0;
    settings.decay_ms = -1;
    CHECK(!warm_bound_is_over(0));
}

CHILD_TEST(by_live)
CHILD_TEST(by_settings)
CHILD_TEST(doubling)
CHILD_TEST(takes)
CHILD_TEST(over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_live),  cmocka_unit_test(test_by_settings),
        cmocka_unit_test(test_doubling), cmocka_unit_test(test_takes),
        cmocka_unit_test(test_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
