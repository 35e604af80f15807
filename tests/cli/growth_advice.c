/* SPDX-License-Identifier: MIT */
/*
 * Tests of run/growth_advice.c: programs that grow without end, and some that look alike.
 */
#include <stdio.h>

#include "life.h"

#define LEAK                                                                                       \
    "Live memory grew from 0.10 s to 8.00 s without levelling off: from 100.0 MiB to 179.0 MiB, "  \
    "10.0 MiB a second. 79.0 MiB of that is in blocks of 64 bytes. If the program no longer "      \
    "needs these blocks, freeing them saves "

/* The only advice is on a MiB at each look, from the first one to this one. */
static void expect_growth_to(struct life *life, size_t look)
{
    char words[80];
    snprintf(words, sizeof words, "Live memory grew from 0.10 s to %.2f s without levelling off",
             0.1 * (double)(look + 1));
    CHECK_EQ(advise(life)->count, 1);
    CHECK(strstr(life->advice.lines[0], words));
    snprintf(words, sizeof words, "saves %zu.0 MiB here", look);
    CHECK(strstr(life->advice.lines[0], words));
}

static void who_grows_without_end_is_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i * MEBI, 64);
    expect(life, LEAK "79.0 MiB here, and 35.2 GiB for each hour that it goes on.");
}

static void who_frees_all_in_the_end_is_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i * MEBI, 64);
    expect_growth_to(life, LOOKS - 1); /* no look fell on the end */
    set_live(life, LOOKS - 3, 40 * MEBI, 64);
    set_live(life, LOOKS - 2, 0, 64);
    set_live(life, LOOKS - 1, 0, 64);
    expect_growth_to(life, LOOKS - 4);
}

static void who_grows_again_has_not_leaked(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i % 72 * 4 * MEBI, 1024);
    expect_none(life);
}

static void growth_begins_where_the_line_does(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++) /* built up at first, and then a MiB at each look */
        set_live(life, i, (i < 10 ? 20 * i : 190 + i) * MEBI, 64);
    const char *line = advise(life)->lines[0];
    CHECK_EQ(life->advice.count, 1);
    CHECK(strstr(line, "from 1.10 s to 8.00 s without levelling off: from 300.0 MiB to 369.0 MiB"));
    CHECK(strstr(line, "saves 69.0 MiB here"));
}

static void no_hour_is_foretold_from_a_moment(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++) {
        set_live(life, i, i * MEBI, 64);
        life->moments[i].at /= 2;
    }
    CHECK(strstr(advise(life)->lines[0], "freeing them saves 79.0 MiB here."));
    CHECK(!strstr(life->advice.lines[0], "hour"));
}

static void a_slow_straight_line_is_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++) /* from the second second on */
        set_live(life, i, i < 10 ? 0 : 200 * MEBI + i * (MEBI / 16), 64);
    expect(life, "Live memory grew from 1.10 s to 8.00 s without levelling off: from 300.6 MiB to "
                 "304.9 MiB, 640.0 KiB a second. 4.3 MiB of that is in blocks of 64 bytes. If the "
                 "program no longer needs these blocks, freeing them saves 4.3 MiB here, and 2.2 "
                 "GiB for each hour that it goes on. That is little beside the 304.9 MiB that it "
                 "holds: look for longer.");
}

static void a_slow_line_that_is_not_straight_is_not(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++) /* in the second half only */
        set_live(life, i, 200 * MEBI + (i < 40 ? 0 : i - 40) * (MEBI / 8), 64);
    expect_none(life);
    for (size_t i = 0; i < LOOKS; i++) /* faster and faster */
        set_live(life, i, 200 * MEBI + i * i * i * i * (MEBI / 8000000), 64);
    expect_none(life);
    for (size_t i = 0; i < LOOKS; i++) /* to a bound, which it reaches after two thirds */
        set_live(life, i, 200 * MEBI + (i < 53 ? i : 53) * (MEBI / 8), 64);
    expect_none(life);
}

static void what_comes_nearer_to_a_bound_is_no_growth(void **state)
{
    struct life *life = begin(state);
    uint64_t missing = 400 * MEBI;
    for (size_t i = 0; i < LOOKS; i++, missing -= missing / 20)
        set_live(life, i, 400 * MEBI - missing, 1024);
    expect_none(life);
}

static void a_leak_below_a_saw_is_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i * MEBI + i % 5 * 20 * MEBI, 0);
    const struct advice *advice = advise(life);
    CHECK_EQ(advice->count, 1);
    CHECK(strstr(advice->lines[0], "Live memory grew from "));
    CHECK(strstr(advice->lines[0], "is in Huge blocks"));
}

static void what_is_built_up_once_is_no_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++) /* until 60 % of the looks */
        set_live(life, i, (i < 48 ? i : 48) * MEBI, 1024);
    expect_none(life);
}

static void a_saw_is_no_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i % 13 * 10 * MEBI, 1024);
    expect_none(life);
    for (size_t i = 0; i < LOOKS; i++) /* two long teeth, of which the second is still growing */
        set_live(life, i, i % 45 * 4 * MEBI, 1024);
    expect_none(life);
}

static void few_looks_tell_no_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i * MEBI, 64);
    life->facts.count = 19;
    expect_none(life);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_grows_without_end_is_told),
        TEST(who_frees_all_in_the_end_is_told),
        TEST(who_grows_again_has_not_leaked),
        TEST(growth_begins_where_the_line_does),
        TEST(no_hour_is_foretold_from_a_moment),
        TEST(a_slow_straight_line_is_told),
        TEST(a_slow_line_that_is_not_straight_is_not),
        TEST(what_comes_nearer_to_a_bound_is_no_growth),
        TEST(a_leak_below_a_saw_is_growth),
        TEST(what_is_built_up_once_is_no_growth),
        TEST(a_saw_is_no_growth),
        TEST(few_looks_tell_no_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
