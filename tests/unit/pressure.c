/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/pressure.c: the limit that a setting makes, the room that is allowed below it, and
 * when a trim near it is due. It never trims and never refuses: the numbers are all that it knows.
 */
#include "unit/unit.h"

#include "front/pressure.h"
#include "lane/lane.h"

#define LIMIT ((size_t)64 * GIB)

static void test_setting(void **state)
{
    (void)state;
    CHECK(!pressure_is_hard());
    CHECK(!pressure_is_near());
    bool has_group = os_memory_limit() != UINT64_MAX;
    CHECK_EQ(pressure_set(-50), has_group);
    CHECK(pressure_set(0));
    CHECK(has_group || pressure_limit() == UINT64_MAX);
    CHECK(pressure_set(100 * MIB));
    CHECK(pressure_is_hard());
    CHECK_EQ(pressure_limit(), 100 * MIB);
}

/* The slab layer asks again when the setting has changed. */
static void test_room(void **state)
{
    (void)state;
    CHECK(pressure_set(LIMIT));
    CHECK_EQ(room_left(), 0);
    uint64_t bytes = pressure_limit();
    CHECK(bytes <= LIMIT);
    CHECK(pressure_is_far(bytes, 0, 0));
    CHECK(room_left() > 0 && (uint64_t)room_left() < bytes);
    CHECK(!pressure_is_far(bytes, bytes, 0)); /* all of it is wanted */
    CHECK(pressure_is_far(bytes, 0, 10 * SUPERSLAB_SIZE));
    CHECK(room_left() >= (int64_t)(10 * SUPERSLAB_SIZE));
    pressure_allow(bytes, MIB);
    CHECK_EQ(room_left(), 2 * SUPERSLAB_SIZE);
    CHECK(pressure_set(LIMIT / 2)); /* nothing is allowed on the strength of the old limit */
    pressure_allow(bytes, MIB);
    CHECK_EQ(room_left(), 0);
}

static void test_trims(void **state)
{
    (void)state;
    CHECK(pressure_set(LIMIT));
    uint64_t bytes = pressure_limit();
    uint64_t used = pressure_used();
    CHECK(pressure_wants_trim(used, bytes)); /* the first time near the limit */
    pressure_note_trim();
    CHECK(!pressure_wants_trim(used, bytes));
    CHECK(!pressure_wants_trim(used + bytes / 65, bytes));
    CHECK(pressure_wants_trim(used + bytes / 32, bytes));
    CHECK(!pressure_wants_trim(used / 2, bytes)); /* less than after the trim: counted from there */
    CHECK(pressure_is_far(bytes, 0, 0));
    CHECK(pressure_wants_trim(used, bytes)); /* it was far meanwhile */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setting),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_trims),
    };
    if (!reservation_make())
        return 1;
    pressure_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
