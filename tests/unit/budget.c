/* SPDX-License-Identifier: MIT */
/*
 * Tests of the budget of front/unified_cache.c: what a thread's bins may hold together, whatever it
 * does, and when its share becomes less. Each test is a child of its own.
 */
#include "unit/own_cache.h"

static void fill_all_bins(void)
{
    static void *blocks[64];
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = size_classes[size_class].size < 64 * KIB ? 64 : 3;
        for (unsigned i = 0; i < count; i++)
            blocks[i] = alloc_class(size_class);
        for (unsigned i = 0; i < count; i++)
            free_class(size_class, blocks[i]);
    }
    size_t bytes = 0;
    size_t allowed = 0;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        bytes += count_of(size_class) * (size_t)size_classes[size_class].size;
        allowed += limit_of(size_class) * (size_t)size_classes[size_class].size;
    }
    CHECK_EQ(own_cache()->granted, allowed);
    CHECK(allowed <= (size_t)settings.thread_cache_max);
    CHECK(bytes <= allowed);
    CHECK(settings.thread_cache_max < (int64_t)MIB || bytes > MIB / 2);
    check_structure();
}

static void budget(void)
{
    static const int64_t budgets[] = {0, 1000, 64 * KIB, 4 * MIB, GIB};
    CHECK(reservation_make());
    settings.decay_ms = -1;
    for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        /* from the smallest up: an ended thread's cache keeps what it was granted */
        settings.thread_cache_max = budgets[i];
        run_in_thread(fill_all_bins);
        check_all_back();
    }
}

/* The share of each has become less: a few slow paths of one class bring the rest within it. */
static void fill_and_lose_share(void)
{
    static void *blocks[200];
    unsigned size_class = size_class_of(KIB);
    fill_all_bins();
    settings.thread_cache_max = 256 * KIB;
    CHECK(own_cache()->granted > (size_t)settings.thread_cache_max);
    for (unsigned i = 0; i < 200; i++)
        blocks[i] = alloc_class(size_class);
    for (unsigned i = 0; i < 200; i++)
        free_class(size_class, blocks[i]);
    CHECK(own_cache()->granted <= (size_t)settings.thread_cache_max);
    check_structure();
}

static void lost_share(void)
{
    CHECK(reservation_make());
    settings.decay_ms = -1;
    settings.thread_cache_max = GIB;
    run_in_thread(fill_and_lose_share);
    check_all_back();
}

static void test_budget(void **state)
{
    (void)state;
    CHECK_CHILD(budget);
}

static void test_lost_share(void **state)
{
    (void)state;
    CHECK_CHILD(lost_share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_lost_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
