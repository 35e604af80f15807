/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/huge_page.c: when a superslab is backed by a huge page (never, once the heap has
 * grown, from the first on), that one is purged in one call, and what of one is counted as waste.
 * A call that is refused tells that it was made.
 */
#include "unit/unit.h"

#include "slab/huge_page.h"
#include "slab/purge.h"
#include "slab/reservation.h"
#include "slab/room.h"
#include "slab/slab_check.h"
#include "slab/slab_run.h"
#include "slab/space.h"
#include "slab/superslab.h"

static unsigned asked;

static bool refuse_huge(enum os_call call)
{
    asked += call == OS_CALL_HUGE_PAGE;
    errno = ENOMEM;
    return call == OS_CALL_HUGE_PAGE;
}

/* Take `count` superslabs, a run of one slab in each; how often was a huge page asked for? */
static unsigned asked_for(size_t count)
{
    bool is_zero;
    asked = 0;
    os_inject_failure = refuse_huge;
    for (size_t i = 0; i < count; i++) {
        struct slab *slab = slab_run_take(SLABS_PER_SUPERSLAB, &is_zero);
        CHECK(slab != NULL);
        CHECK(!huge_page_back_run(slab));
    }
    os_inject_failure = NULL;
    return asked;
}

static void off(void)
{
    CHECK(reservation_make());
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK_EQ(asked_for(20), 0);
}

/* One that is refused is the last for a while. */
static void automatic(void)
{
    CHECK(reservation_make());
    settings.huge_pages = HUGE_PAGES_AUTO;
    CHECK_EQ(asked_for(7), 0);
    CHECK_EQ(asked_for(3), 1);
}

static void always(void)
{
    CHECK(reservation_make());
    settings.huge_pages = HUGE_PAGES_ALWAYS;
    CHECK_EQ(asked_for(20), 20);
}

/* A superslab for whose other slabs there is no room below a limit gets its pages one by one. */
static void limited(void)
{
    bool is_zero;
    CHECK(reservation_make());
    settings.huge_pages = HUGE_PAGES_ALWAYS;
    room_set(SUPERSLAB_SIZE);
    asked = 0;
    os_inject_failure = refuse_huge;
    CHECK(!huge_page_back_run(slab_run_take(1, &is_zero)));
    CHECK_EQ(asked, 1);
    CHECK(slab_run_take(SLABS_PER_SUPERSLAB - 1, &is_zero) != NULL);
    room_set(SUPERSLAB_SIZE - SLAB_SIZE);
    CHECK(!huge_page_back_run(slab_run_take(1, &is_zero)));
    CHECK_EQ(asked, 1);
    os_inject_failure = NULL;
    CHECK_EQ(slab_check(), 0);
}

static size_t waste(void)
{
    struct slab_figures figures;
    slab_count(&figures);
    CHECK(figures.huge_page_waste <= figures.warm_bytes);
    return figures.huge_page_waste;
}

/* All but what was taken is waste, until it is taken too or purged. */
static void wasted(void)
{
    bool is_zero;
    settings.huge_pages = HUGE_PAGES_ALWAYS;
    CHECK(reservation_make());
    CHECK_EQ(waste(), 0);
    struct slab *first = slab_run_take(1, &is_zero);
    if (!huge_page_back_run(first))
        return; /* this kernel has no huge page for us now */
    CHECK_EQ(waste(), SUPERSLAB_SIZE - SLAB_SIZE);
    struct slab *second = slab_run_take(4, &is_zero);
    CHECK(is_zero);
    CHECK_EQ(waste(), SUPERSLAB_SIZE - 5 * SLAB_SIZE);
    slab_run_give(second);
    CHECK_EQ(waste(), SUPERSLAB_SIZE - 5 * SLAB_SIZE);
    purge_warm();
    CHECK_EQ(waste(), 0);
    CHECK_EQ(slab_check(), 0);
}

static unsigned purges;

static bool count_purges(enum os_call call)
{
    purges += call == OS_CALL_PURGE;
    return false;
}

/* How many calls does the purge of two superslabs take? */
static unsigned purges_of_range(bool is_huge_page)
{
    bool is_zero;
    char *start = superslab_range_take(2, &is_zero);
    CHECK(start != NULL);
    if (is_huge_page)
        huge_page_note_range(start, 2);
    superslab_range_give(start, 2, 2 * SUPERSLAB_SIZE);
    purges = 0;
    os_inject_failure = count_purges;
    CHECK_EQ(purge_warm(), 2 * SUPERSLAB_SIZE);
    os_inject_failure = NULL;
    return purges;
}

/* What was purged is no huge page any more. */
static void purged_whole(void)
{
    CHECK(reservation_make());
    CHECK_EQ(purges_of_range(true), 2);
    CHECK_EQ(purges_of_range(false), 2 * SUPERSLAB_SIZE / (256 * KIB));
    CHECK_EQ(slab_check(), 0);
}

static void test_purge(void **state)
{
    (void)state;
    CHECK_CHILD(purged_whole);
}

static void test_policy(void **state)
{
    (void)state;
    CHECK_CHILD(off);
    CHECK_CHILD(automatic);
    CHECK_CHILD(always);
    CHECK_CHILD(limited);
}

static void test_waste(void **state)
{
    (void)state;
    CHECK_CHILD(wasted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_waste),
        cmocka_unit_test(test_purge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
