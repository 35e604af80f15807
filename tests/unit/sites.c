/* SPDX-License-Identifier: MIT */
/* Tests of diag/sites.c: counting, the site that is none, more sites than slots, threads. */
#include "unit/unit.h"

#include "diag/diag.h"

#define SLOTS 1024

static void check_site(uint32_t site, uint64_t calls, uint64_t bytes)
{
    struct hak_site figures = {0, 0, 0};
    CHECK(sites_get(site, &figures));
    CHECK_EQ(figures.site, site);
    CHECK_EQ(figures.calls, calls);
    CHECK_EQ(figures.bytes, bytes);
}

static unsigned lines;
static uint64_t sum;

static void count_line(struct writer *writer, const struct hak_site *site)
{
    (void)writer;
    lines++;
    sum += site->calls;
}

static void counting(void)
{
    struct hak_site figures;
    CHECK(!sites_get(5, &figures));
    CHECK(!sites_get(0, &figures));
    sites_count(0, 100);
    CHECK(!sites_get(0, &figures));
    sites_count(5, 100);
    sites_count(5, 0);
    sites_count(UINT32_MAX, 7);
    sites_count(5, 1);
    check_site(5, 3, 101);
    check_site(UINT32_MAX, 1, 7);
    CHECK(!sites_get(6, &figures));
    sites_render(NULL, count_line);
    CHECK_EQ(lines, 2);
    CHECK_EQ(sum, 4);
}

static void full(void)
{
    struct hak_site figures;
    for (unsigned round = 1; round <= 2; round++) {
        for (uint32_t site = 1; site <= SLOTS; site++)
            sites_count(site * 4096, site);
        for (uint32_t site = 1; site <= SLOTS; site++)
            check_site(site * 4096, round, round * site);
    }
    sites_count(3, 10); /* no slot is left: counted under none */
    CHECK(!sites_get(3, &figures));
    sites_render(NULL, count_line);
    CHECK_EQ(lines, SLOTS);
    CHECK_EQ(sum, 2 * SLOTS);
}

static void *count_all(void *number)
{
    (void)number;
    for (uint32_t round = 0; round < 200; round++)
        for (uint32_t site = 1; site <= 50; site++)
            sites_count(site, site);
    return NULL;
}

static void threads(void)
{
    unit_run_threads(count_all);
    for (uint32_t site = 1; site <= 50; site++)
        check_site(site, 200 * UNIT_THREADS, 200 * UNIT_THREADS * (uint64_t)site);
    sites_render(NULL, count_line);
    CHECK_EQ(lines, 50);
}

CHILD_TEST(counting)
CHILD_TEST(full)
CHILD_TEST(threads)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
