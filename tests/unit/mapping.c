/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/mapping.c: what is in use is included in core dumps, by the kernel's own word
 * (VmFlags in smaps); what was purged in whole steps is not, until it is used again; holes are
 * bounded.
 */
#include "unit/unit.h"

#include "slab/purge.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/space.h"
#include "slab/superslab.h"

#define STEP ((size_t)4)

/* Is the mapping of `address` left out? */
static bool is_left_out(const char *address)
{
    char line[512];
    bool is_here = false;
    bool is_out = false;
    unsigned long start, end;
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            is_here = (uintptr_t)address >= start && (uintptr_t)address < end;
        else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
            is_out = strstr(line, " dd ") != NULL || strstr(line, " dd\n") != NULL;
    }
    fclose(file);
    return is_out;
}

static size_t mappings(void)
{
    char line[512];
    size_t count = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file))
        count++;
    fclose(file);
    return count;
}

/* A range of whole steps. */
static char *take(size_t count)
{
    bool is_zero;
    char *start = superslab_range_take(count + STEP, &is_zero);
    CHECK(start != NULL);
    size_t before = (STEP - superslab_index(superslab_of(start)) % STEP) % STEP;
    if (before > 0)
        superslab_range_give(start, before, 0);
    start += before << SUPERSLAB_SHIFT;
    superslab_range_give(start + (count << SUPERSLAB_SHIFT), STEP - before, 0);
    memset(start, 1, count << SUPERSLAB_SHIFT);
    return start;
}

static void give(char *start, size_t count)
{
    superslab_range_give(start, count, count << SUPERSLAB_SHIFT);
}

static void test_in_and_out(void **state)
{
    (void)state;
    char *first = take(STEP);
    char *middle = take(2 * STEP);
    char *last = take(STEP);
    char *in_middle = middle + (STEP << SUPERSLAB_SHIFT);
    CHECK(!is_left_out(first) && !is_left_out(middle) && !is_left_out(last));
    give(middle, 2 * STEP);
    CHECK(!is_left_out(middle)); /* its pages are there yet */
    purge_warm();
    CHECK(is_left_out(middle) && is_left_out(in_middle));
    CHECK(!is_left_out(first) && !is_left_out(last));
    bool is_zero;
    char *one = superslab_range_take(1, &is_zero);
    while (one < middle)
        one = superslab_range_take(1, &is_zero);
    CHECK_EQ((uintptr_t)one, (uintptr_t)middle);
    CHECK(!is_left_out(middle) && !is_left_out(middle + (2 << SUPERSLAB_SHIFT)));
    CHECK(is_left_out(in_middle));
    *one = 1;
    give(one, 1);
    purge_warm();
    CHECK(is_left_out(middle));
    give(first, STEP);
    give(last, STEP);
}

/* Every second step is given back, then half of each of these is used again. */
static void test_holes_are_bounded(void **state)
{
    enum { COUNT = 300 };
    static char *starts[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        bool is_zero;
        starts[i] = superslab_range_take(STEP, &is_zero);
        *starts[i] = 1;
    }
    size_t before = mappings();
    for (int i = 0; i < COUNT; i += 2)
        give(starts[i], STEP);
    purge_warm();
    size_t after = mappings();
    CHECK(after > before + 20);
    CHECK(after <= before + 110);
    for (int i = 1; i < COUNT; i += 2)
        give(starts[i], STEP);
    purge_warm();
    CHECK(mappings() < before + 4);
    CHECK_EQ(slab_check(), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_and_out),
        cmocka_unit_test(test_holes_are_bounded),
    };
    if (!reservation_make())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
