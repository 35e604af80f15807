/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/density.c: what one watched span says of its size, what sizes not seen before are
 * taken to be, and that a known size is looked at again. The spans are plain memory.
 */
#include "unit/unit.h"

#include "lane/density.h"
#include "lane/size_class.h"

#define SIZE ((size_t)512 * KIB)

static char *fresh(size_t size)
{
    char *start = os_reserve(size);
    CHECK(start != NULL);
    os_allow_huge_pages(start, size, false);
    return start;
}

/* A span that lives and ends; is it said to be written through, and is it? */
static bool live(size_t size, bool is_written)
{
    char *start = fresh(size);
    bool is_expected = density_expect(start, size);
    if (is_written)
        memset(start, 1, size);
    density_end(start, size);
    CHECK(os_unmap(start, size));
    return is_expected;
}

static void is_written(void)
{
    size_t page = os_page_size();
    char *start = fresh(SIZE);
    CHECK(!density_is_written(start, SIZE));
    memset(start, 1, SIZE / 2);
    CHECK(!density_is_written(start, SIZE));
    memset(start, 1, SIZE);
    CHECK(density_is_written(start, SIZE));
    CHECK(os_purge(start + SIZE / 2, page)); /* nearly all will do */
    CHECK(density_is_written(start, SIZE));
    CHECK(!density_is_written(start, 0));
}

static void one_size(void)
{
    CHECK(!density_is_expected(SIZE));
    CHECK(!live(SIZE, true)); /* watched */
    CHECK(density_is_expected(SIZE));
    CHECK(live(SIZE, true));
    CHECK(!density_is_expected(4 * SIZE)); /* one size says nothing of another yet */
    /* looked at again: it is sparse by now */
    unsigned spans = 0;
    while (density_is_expected(SIZE)) {
        live(SIZE, false);
        CHECK(++spans <= 16);
    }
    CHECK(spans > 1);
    CHECK(!live(SIZE, false));
}

/* The same class, or the same doubling above ACE, is one size. */
static void rows(void)
{
    live(SIZE, true);
    CHECK(density_is_expected(SIZE - 1));
    CHECK(!density_is_expected(SIZE + 1));
    live(3 * MIB, true);
    CHECK(density_is_expected(2 * MIB + 1));
    CHECK(density_is_expected(4 * MIB));
    CHECK(!density_is_expected(4 * MIB + 1));
    CHECK(!density_is_expected(1)); /* a Huge block may be small */
    CHECK(!density_is_expected(LANE_HUGE_MAX));
}

/* A size not seen before is like the others if the last 8 verdicts agree. */
static void others(void)
{
    const struct size_class *rows = &size_classes[CLASS_POOL_LAST + 1];
    for (unsigned i = 0; i < 8; i++) {
        CHECK(!density_is_expected(100 * MIB));
        CHECK(!live(rows[i].size, true));
    }
    CHECK(density_is_expected(100 * MIB));
    CHECK(live(100 * MIB, false)); /* not watched, so nothing is learnt */
    for (unsigned i = 0; density_is_expected(rows[0].size); i++) {
        live(rows[0].size, false);
        CHECK(i < 16);
    }
    CHECK(!density_is_expected(100 * MIB));
}

/* The next fresh span of a size has the one before judged while it lives. */
static void judged_alive(void)
{
    char *first = fresh(SIZE);
    char *second = fresh(SIZE);
    CHECK(!density_expect(first, SIZE));
    density_end(second, SIZE); /* not the watched one */
    CHECK(!density_is_expected(SIZE));
    memset(first, 1, SIZE);
    CHECK(density_expect(second, SIZE));
    CHECK(density_is_expected(SIZE));
    CHECK_EQ(density_lock.word, 0);
}

CHILD_TEST(is_written)
CHILD_TEST(one_size)
CHILD_TEST(rows)
CHILD_TEST(others)
CHILD_TEST(judged_alive)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_written),   cmocka_unit_test(test_one_size),
        cmocka_unit_test(test_rows),         cmocka_unit_test(test_others),
        cmocka_unit_test(test_judged_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
