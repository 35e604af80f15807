/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/drain.c and slab/warm_bound.c: the bound and what it follows from, how it doubles
 * and is halved, and what frees pay so that no more than it stays warm.
 */
#include "unit/unit.h"

#include "slab/decay.h"
#include "slab/drain.h"
#include "slab/purge.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/slab_run.h"
#include "slab/space.h"
#include "slab/superslab.h"
#include "slab/warm_bound.h"

#define MANY 128 /* superslabs: more than any bound that has not doubled twice */

static struct slab *runs[MANY];

static void make(int64_t decay_ms)
{
    settings.decay_ms = decay_ms;
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK(reservation_make());
}

static size_t bound(void)
{
    return warm_bound_slabs() << SLAB_SHIFT;
}

static size_t warm(void)
{
    CHECK_EQ(slab_check(), 0);
    return space_warm_slabs() << SLAB_SHIFT;
}

static void take_all(unsigned count)
{
    bool is_zero;
    for (unsigned i = 0; i < count; i++) {
        runs[i] = slab_run_take(SLABS_PER_SUPERSLAB, &is_zero);
        CHECK(runs[i] != NULL);
    }
}

static void give(struct slab *slab)
{
    size_t bytes = slab->slab_count * SLAB_SIZE;
    slab_run_give(slab);
    drain_after_give(bytes);
}

static void give_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        give(runs[i]);
}

static void bound_follows(void)
{
    make(3600000);
    CHECK_EQ(bound(), 32 * MIB);
    take_all(MANY);
    CHECK_EQ(bound(), 64 * MIB);
    warm_bound_note_loose(0, 100 * MIB); /* of the slabs in use this much is free */
    CHECK_EQ(bound(), 39 * MIB);
    warm_bound_note_loose(0, -100 * (ptrdiff_t)MIB);
    settings.ss_cache_max = 5 * MIB;
    CHECK_EQ(bound(), 5 * MIB);
    settings.decay_ms = -1;
    CHECK_EQ(bound(), 5 * MIB);
    settings.decay_ms = 0;
    CHECK_EQ(bound(), 0);
}

/* After each give no more is warm than the bound and what a give may leave to the next. */
static void burst(void)
{
    make(3600000);
    take_all(MANY);
    for (unsigned i = 0; i < MANY; i++) {
        give(runs[i]);
        CHECK(warm() <= max_size(bound(), 48 * MIB + SUPERSLAB_SIZE));
    }
    CHECK(warm() <= 32 * MIB);
    CHECK_EQ(decay_purged_bytes(), MANY * SUPERSLAB_SIZE - warm());
}

/* Of superslabs that are given back half by half few stay with pages in one half only: those get no
 * huge page again. */
static void halves(void)
{
    static struct slab *half[2][MANY];
    bool is_zero;
    unsigned parts = 0;
    make(3600000);
    for (unsigned i = 0; i < MANY; i++)
        for (unsigned side = 0; side < 2; side++)
            half[side][i] = slab_run_take(SLABS_PER_SUPERSLAB / 2, &is_zero);
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < MANY; i++)
            give(half[side][i]);
    CHECK(warm() <= 32 * MIB);
    for (size_t i = space.first; i < space.frontier; i++)
        parts += space.superslabs[i].warm != 0 && space.superslabs[i].warm != ALL_SLABS;
    CHECK(parts <= 1);
}

static void burst_of_a_range(void)
{
    bool is_zero;
    make(3600000);
    char *start = superslab_range_take(MANY, &is_zero);
    CHECK(start != NULL);
    superslab_range_give(start, MANY, MANY * SUPERSLAB_SIZE);
    drain_after_give(MANY * SUPERSLAB_SIZE);
    CHECK(warm() <= 32 * MIB);
}

static unsigned purges;

static bool count_purges(enum os_call call)
{
    purges += call == OS_CALL_PURGE;
    return false;
}

/* A give of one slab does not pay for those of others: two superslabs at most. */
static void one_give_pays_little(void)
{
    bool is_zero;
    make(-1);
    struct slab *one = slab_run_take(1, &is_zero);
    take_all(MANY);
    give_all(MANY);
    CHECK_EQ(warm(), MANY * SUPERSLAB_SIZE);
    settings.decay_ms = 3600000;
    os_inject_failure = count_purges;
    give(one);
    os_inject_failure = NULL;
    CHECK(purges > 0 && purges <= 2 * (SUPERSLAB_SIZE / (256 * KIB) + 1));
    CHECK(drain_is_on());
}

static bool fail_purge(enum os_call call)
{
    purges += call == OS_CALL_PURGE;
    errno = EINVAL;
    return call == OS_CALL_PURGE;
}

/* Where memory is locked the kernel is not asked by each give. */
static void refused(void)
{
    make(3600000);
    take_all(MANY);
    os_inject_failure = fail_purge;
    give_all(MANY);
    os_inject_failure = NULL;
    CHECK_EQ(warm(), MANY * SUPERSLAB_SIZE);
    CHECK(purges <= 2 * SLABS_PER_SUPERSLAB);
    CHECK_EQ(purge_warm(), MANY * SUPERSLAB_SIZE);
}

/* What was purged and is taken again at once makes the bound grow, until nothing is purged. */
static void wanted_again(void)
{
    make(3600000);
    uint64_t before = 0;
    for (unsigned round = 0; round < 4; round++) {
        take_all(MANY);
        before = decay_purged_bytes();
        give_all(MANY);
    }
    CHECK_EQ(decay_purged_bytes(), before);
    CHECK(bound() >= MANY * SUPERSLAB_SIZE && bound() <= 1024 * MIB);
    CHECK_EQ(warm(), MANY * SUPERSLAB_SIZE);
    /* as long as its upper half is in use it is not halved: nothing is purged */
    for (unsigned i = 0; i < 8; i++) {
        warm_bound_pass(EPOCHS_PER_DECAY);
        take_all(MANY);
        give_all(MANY);
        CHECK_EQ(decay_purged_bytes(), before);
    }
    size_t high = bound();
    CHECK_EQ(high, MANY * SUPERSLAB_SIZE);
    /* two quiet decay times halve it, and no more than once */
    warm_bound_pass(2 * EPOCHS_PER_DECAY - 1);
    CHECK_EQ(bound(), high);
    warm_bound_pass(1);
    CHECK_EQ(bound(), high / 2);
    for (unsigned i = 0; i < 10; i++)
        warm_bound_pass(2 * EPOCHS_PER_DECAY);
    CHECK_EQ(bound(), 32 * MIB);
    bool is_zero;
    give(slab_run_take(1, &is_zero));
    CHECK(drain_is_on());
}

static void settings_are_kept(void)
{
    make(3600000);
    settings.bench_fast_mode = 1;
    take_all(MANY);
    give_all(MANY);
    CHECK_EQ(warm(), MANY * SUPERSLAB_SIZE);
    settings.bench_fast_mode = 0;
    settings.ss_cache_max = 0;
    bool is_zero;
    give(slab_run_take(1, &is_zero));
    CHECK_EQ(warm(), 0);
}

CHILD_TEST(bound_follows)
CHILD_TEST(burst)
CHILD_TEST(halves)
CHILD_TEST(burst_of_a_range)
CHILD_TEST(one_give_pays_little)
CHILD_TEST(refused)
CHILD_TEST(wanted_again)
CHILD_TEST(settings_are_kept)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_follows),     cmocka_unit_test(test_burst),
        cmocka_unit_test(test_burst_of_a_range),  cmocka_unit_test(test_one_give_pays_little),
        cmocka_unit_test(test_refused),           cmocka_unit_test(test_wanted_again),
        cmocka_unit_test(test_settings_are_kept), cmocka_unit_test(test_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
