/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/room.c: what may be taken into use, what is charged for it, and when a refusal is
 * remembered.
 */
#include "unit/unit.h"

#include "slab/reservation.h"
#include "slab/room.h"
#include "slab/slab_run.h"

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = -1;
    return reservation_make() ? 0 : -1;
}

/* Up to the last byte; a refusal is known until more is allowed. */
static void test_bounds(void **state)
{
    (void)state;
    CHECK(room_has(1000000)); /* at first there is no limit */
    room_set(10 * SLAB_SIZE);
    CHECK_EQ(room_left(), 10 * SLAB_SIZE);
    CHECK(room_has(10));
    CHECK(!room_was_refused());
    CHECK(!room_has(11));
    CHECK(room_was_refused());
    CHECK(room_has(10));
    CHECK(room_was_refused());
    room_set(0);
    CHECK(!room_was_refused());
    CHECK(room_has(0));
    CHECK(!room_has(1));
    room_charge(3 * SLAB_SIZE);
    CHECK(room_left() == -3 * (int64_t)SLAB_SIZE);
    CHECK(!room_has(0));
}

/* Slabs that are taken lessen the room. Cold ones are refused where it is too little, warm ones are
 * not; what comes back adds nothing to it. */
static void test_slabs(void **state)
{
    bool is_zero;
    (void)state;
    room_set(6 * SLAB_SIZE);
    size_t used = room_used_bytes();
    struct slab *slab = slab_run_take(4, &is_zero);
    CHECK(slab != NULL);
    CHECK_EQ(room_left(), 2 * SLAB_SIZE);
    CHECK_EQ(room_used_bytes(), used + 4 * SLAB_SIZE);
    CHECK(slab_run_take(4, &is_zero) == NULL);
    CHECK(room_was_refused());
    slab_run_give(slab);
    CHECK_EQ(room_used_bytes(), used + 4 * SLAB_SIZE); /* warm */
    CHECK_EQ(room_left(), 2 * SLAB_SIZE);
    CHECK(slab_run_take(4, &is_zero) == slab);
    CHECK(room_left() == -2 * (int64_t)SLAB_SIZE);
    slab_run_give(slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_slabs),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
