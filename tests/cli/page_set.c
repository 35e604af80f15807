/* SPDX-License-Identifier: MIT */
/*
 * Tests of heap/page_set.c against an array of bytes: ranges that begin and end anywhere, also
 * where words and chunks end.
 */
#include "parts.h"

#include "heap/page_set.h"
#include "heap/target.h"

#define PAGES (2 * PAGE_CHUNK + 100)
#define START ((uint64_t)3 << 40)

static unsigned next_number(unsigned below)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

/* A page near the end of a word or chunk more often than not. */
static unsigned some_page(void)
{
    static const unsigned ends[] = {0, 64, PAGE_CHUNK, PAGE_CHUNK + 64, 2 * PAGE_CHUNK};
    unsigned page = next_number(2) ? next_number(PAGES) : ends[next_number(5)] + next_number(3);
    return page < PAGES ? page : PAGES - 1;
}

static uint64_t bytes_by_hand(const uint8_t *pages, uint64_t from, uint64_t to)
{
    uint64_t bytes = 0;
    for (uint64_t page = 0; page < PAGES; page++) {
        uint64_t start = START + page * TARGET_PAGE;
        uint64_t begin = from > start ? from : start;
        uint64_t end = to < start + TARGET_PAGE ? to : start + TARGET_PAGE;
        if (pages[page] && begin < end)
            bytes += end - begin;
    }
    return bytes;
}

static void it_counts_what_was_added(void **state)
{
    static uint8_t pages[PAGES];
    struct page_set set;
    (void)state;
    CHECK(page_set_open(&set, START, START + PAGES * TARGET_PAGE));
    CHECK_EQ(page_set_bytes(&set, 0, UINT64_MAX), 0);
    for (int i = 0; i < 200; i++) {
        unsigned from = some_page();
        unsigned count = 1 + next_number(i % 10 ? 70 : PAGE_CHUNK);
        unsigned to = from + count < PAGES ? from + count : PAGES;
        page_set_add(&set, START + from * TARGET_PAGE, START + to * TARGET_PAGE);
        memset(pages + from, 1, to - from);
        uint64_t low = START + some_page() * TARGET_PAGE + next_number(TARGET_PAGE);
        uint64_t high = START + some_page() * TARGET_PAGE + next_number(TARGET_PAGE);
        CHECK_EQ(page_set_bytes(&set, low, high), bytes_by_hand(pages, low, high));
        CHECK_EQ(page_set_bytes(&set, low, low + 100), bytes_by_hand(pages, low, low + 100));
    }
    page_set_close(&set);
}

static void what_is_empty_costs_nothing(void **state)
{
    const uint64_t chunk = (uint64_t)PAGE_CHUNK * TARGET_PAGE;
    struct page_set set;
    (void)state;
    CHECK(page_set_open(&set, START, START + ((uint64_t)32 << 40)));
    page_set_add(&set, START + 5 * chunk, START + 5 * chunk + TARGET_PAGE);
    page_set_add(&set, START - 9 * TARGET_PAGE, START - TARGET_PAGE);
    CHECK_EQ(page_set_empty(&set, START, UINT64_MAX), 5 * chunk);
    CHECK_EQ(page_set_empty(&set, START, 3 * chunk + 1), 3 * chunk + 1);
    CHECK_EQ(page_set_empty(&set, START + 3 * chunk + TARGET_PAGE, 7 * chunk),
             2 * chunk - TARGET_PAGE);
    CHECK_EQ(page_set_empty(&set, START + 5 * chunk, chunk), 0);
    CHECK_EQ(page_set_bytes(&set, 0, UINT64_MAX), TARGET_PAGE);
    page_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_counts_what_was_added),
        cmocka_unit_test(what_is_empty_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
