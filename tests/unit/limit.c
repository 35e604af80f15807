/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/limit.c: memory is refused at the limit and not before, after the program's
 * handler was asked; near it free memory goes back. The limits follow from what the process has
 * resident, since a sanitizer has much.
 */
#include "unit/own_cache.h"

#include "front/limit.h"
#include "front/pressure.h"
#include "slab/space.h"

static void make(void)
{
    settings.decay_ms = 3600000;
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK(reservation_make());
    pressure_start();
}

static char *take_written(size_t size)
{
    bool is_zero;
    room_set(INT64_MAX); /* the lane asks nobody */
    char *block = huge_take(size, BLOCK_ALIGN, NULL, &is_zero);
    CHECK(block != NULL);
    memset(block, 1, size);
    return block;
}

static void limit_to(size_t more)
{
    CHECK(pressure_set((int64_t)align_up(pressure_used() + more, MIB)));
}

/* ---- far ---- */

static void far_away(void)
{
    make();
    CHECK(pressure_set(64 * (int64_t)GIB));
    CHECK_EQ(room_left(), 0);
    CHECK(limit_may_grow(MIB, MIB));
    CHECK(room_left() > (int64_t)MIB);
    room_set(0);
    CHECK(limit_may_take(BLOCK_ALIGN, 0));
    CHECK(limit_may_take(GIB, MIB)); /* cut from a longer range */
    CHECK(room_left() >= (int64_t)(GIB + MIB));
    room_set(0);
    limit_review();
    CHECK(room_left() > 0);
    CHECK(!limit_was_met());
    room_set(0);
    CHECK(!room_has(1));
    CHECK(limit_was_met());
}

/* ---- the handler ---- */

static unsigned calls;
static unsigned context;
static bool answer;
static char *spare;

static bool handle(size_t wanted, void *given)
{
    CHECK_EQ(wanted, 256 * MIB);
    CHECK(given == &context);
    CHECK_EQ(limit_lock.word, 0);
    calls++;
    CHECK(!limit_may_grow(256 * MIB, 256 * MIB)); /* it is not called for itself */
    return answer;
}

static bool is_refused(void)
{
    calls = 0;
    return !limit_may_grow(256 * MIB, 256 * MIB);
}

static void refused(void)
{
    make();
    limit_to(64 * MIB);
    CHECK(limit_may_grow(MIB, MIB));
    CHECK(is_refused());
    limit_set_handler(handle, &context);
    CHECK(is_refused());
    CHECK_EQ(calls, 1);
    answer = true; /* it says that it has freed something, and has not */
    CHECK(is_refused());
    CHECK_EQ(calls, 16);
    CHECK(limit_may_grow(MIB, MIB));
    limit_set_handler(NULL, NULL);
    CHECK(is_refused());
    CHECK_EQ(calls, 0);
    CHECK_EQ(lock_depth, 0);
}

static bool free_spare(size_t wanted, void *unused)
{
    (void)wanted;
    (void)unused;
    calls++;
    huge_give(spare);
    return true;
}

/* What the handler frees is given back, and then there is room. */
static void handler_makes_room(void)
{
    make();
    spare = take_written(48 * MIB);
    limit_to(16 * MIB);
    limit_set_handler(free_spare, NULL);
    CHECK(limit_may_grow(56 * MIB, 56 * MIB));
    CHECK_EQ(calls, 1);
    CHECK_EQ(space_warm_slabs(), 0);
}

/* ---- near ---- */

static void trims(void)
{
    make();
    huge_give(take_written(48 * MIB));
    limit_to(MIB);
    CHECK(space_warm_slabs() > 0);
    limit_review();
    CHECK_EQ(space_warm_slabs(), 0);
    CHECK(room_left() > 0);
    /* once: little has come into use since */
    huge_give(take_written(3 * MIB));
    uint64_t purged = decay_purged_bytes();
    limit_review();
    CHECK(decay_purged_bytes() == purged || space_warm_slabs() == 0);
}

/* Free memory is given back before a block is refused. */
static void room_by_trim(void)
{
    make();
    char *block = take_written(48 * MIB);
    limit_to(MIB);
    huge_give(block);
    calls = 0;
    limit_set_handler(handle, &context);
    CHECK(limit_may_take(BLOCK_ALIGN, 40 * MIB));
    CHECK_EQ(calls, 0);
}

static void *ask(void *number)
{
    (void)number;
    for (unsigned i = 0; i < 20; i++)
        CHECK(!limit_may_grow(256 * MIB, 256 * MIB));
    return NULL;
}

/* Threads that ask together: each has its answer. */
static void threads(void)
{
    make();
    limit_to(16 * MIB);
    unit_run_threads(ask);
    limit_reset_in_child();
    CHECK(is_refused());
}

CHILD_TEST(far_away)
CHILD_TEST(refused)
CHILD_TEST(handler_makes_room)
CHILD_TEST(trims)
CHILD_TEST(room_by_trim)
CHILD_TEST(threads)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_far_away),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_handler_makes_room), cmocka_unit_test(test_trims),
        cmocka_unit_test(test_room_by_trim),       cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
