/* SPDX-License-Identifier: MIT */
/*
 * Tests of heap/residency.c on this very process: pages written, read only, and never touched, by
 * the kernel's newer and older ways to tell.
 */
#include "heap/process.h"
#include "heap/residency.h"
#include "parts.h"

#define PAGES 1200

static int set_up(void **state)
{
    *state = mmap(NULL, PAGES * TARGET_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    return *state == MAP_FAILED || madvise(*state, PAGES * TARGET_PAGE, MADV_NOHUGEPAGE);
}

static int tear_down(void **state)
{
    return munmap(*state, PAGES * TARGET_PAGE);
}

/* Every third page is written, every fifth of the others read. */
static bool is_written(size_t page)
{
    return page % 3 == 0 || (page > 500 && page < 900);
}

static bool is_read(size_t page)
{
    return !is_written(page) && page % 5 == 0;
}

static void touch(volatile char *start)
{
    for (size_t page = 0; page < PAGES; page++)
        if (is_written(page))
            start[page * TARGET_PAGE] = 1;
        else if (is_read(page))
            CHECK_EQ(start[page * TARGET_PAGE], 0);
}

static void what_is_written_is_present(void **state)
{
    static uint8_t present[PAGES];
    struct target target;
    touch(*state);
    CHECK(target_open_process(&target, getpid()));
    for (size_t first = 0; first < 3; first++) {
        target_present(&target, (uintptr_t)*state + first * TARGET_PAGE, PAGES - first, present);
        for (size_t page = first; page < PAGES; page++)
            if (!is_read(page)) /* an older kernel cannot tell */
                CHECK_EQ(present[page - first], is_written(page));
    }
    target_close(&target);
}

static void the_older_way_counts_zero_pages(void **state)
{
    static uint8_t present[PAGES];
    struct target target;
    touch(*state);
    CHECK(target_open_process(&target, getpid()));
    residency_from_pagemap(target.file, (uintptr_t)*state, PAGES, present);
    for (size_t page = 0; page < PAGES; page++)
        CHECK_EQ(present[page], is_written(page) || is_read(page));
    target_close(&target);
}

static void mappings_are_ours(void **state)
{
    struct target target;
    bool is_found = false;
    CHECK(target_open_process(&target, getpid()));
    for (size_t i = 0; i < target.mapping_count; i++) {
        const struct mapping *mapping = &target.mappings[i];
        CHECK(mapping->start < mapping->end && mapping->rss <= mapping->end - mapping->start);
        is_found |= mapping->start <= (uintptr_t)*state && mapping->end > (uintptr_t)*state;
    }
    CHECK(is_found);
    CHECK(!target_open_process(&target, 99999999));
    CHECK(strcmp(target.error, "there is no process 99999999") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_present, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_older_way_counts_zero_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mappings_are_ours, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
