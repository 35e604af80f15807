/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/idle_pages.c: pages of free blocks go back and those of live ones stay, for each
 * class; blocks that come from purged pages are whole; ages; refused purges; a slab that empties
 * meanwhile; threads that take and give all the while.
 */
#include "unit/unit.h"

#include "lane/lane.h"

#define HELD_MAX 32768

static void *held[HELD_MAX];
static unsigned held_count;

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = 3600000; /* the epoch stays */
    settings.huge_pages = HUGE_PAGES_OFF;
    return reservation_make() ? 0 : -1;
}

static size_t purge(unsigned min_age)
{
    bool is_pending = false;
    size_t bytes = idle_pages_purge(&shared_pool, min_age, &is_pending);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(slab_check(), 0);
    return bytes;
}

static void take(unsigned size_class, unsigned count)
{
    while (count > 0) {
        unsigned want = (unsigned)min_size(count, BATCH_BLOCKS);
        unsigned got = pool_take(&shared_pool, size_class, held + held_count, want);
        CHECK(got >= 1 && got <= want);
        held_count += got;
        count -= got;
    }
}

static void give(unsigned size_class, void *block)
{
    CHECK_EQ(pool_give(&shared_pool, size_class, &block, 1).fault, FAULT_NONE);
}

static void fill(unsigned size_class, unsigned index)
{
    pattern_fill(held[index], size_classes[size_class].size, index);
}

static void check_filled(unsigned size_class, unsigned index)
{
    CHECK(pattern_holds(held[index], size_classes[size_class].size, index));
}

static void give_all(unsigned size_class)
{
    while (held_count > 0)
        if (held[--held_count])
            give(size_class, held[held_count]);
}

/* Three runs of blocks, every 37th kept: each page of which no byte is in use goes, no other. */
static void one_class(unsigned size_class)
{
    const struct size_class *row = &size_classes[size_class];
    size_t page = os_page_size();
    take(size_class, row->blocks * 3u);
    for (unsigned i = 0; i < held_count; i++)
        fill(size_class, i);
    for (unsigned i = 0; i < held_count; i++)
        if (i % 37 != 0) {
            give(size_class, held[i]);
            held[i] = NULL;
        }
    size_t bytes = purge(0);
    size_t free_bytes = (row->blocks * 3u - held_count / 37) * row->size;
    CHECK(bytes <= free_bytes + 3u * row->slabs * SLAB_SIZE / 8 + 3 * page);
    for (unsigned i = 0; i < held_count; i++)
        if (held[i])
            check_filled(size_class, i);
    CHECK_EQ(purge(0), 0); /* nothing is purged twice */
    unsigned before = held_count;
    take(size_class, row->blocks * 3u);
    for (unsigned i = before; i < held_count; i++)
        fill(size_class, i);
    for (unsigned i = 0; i < held_count; i++)
        if (held[i])
            check_filled(size_class, i);
    give_all(size_class);
    CHECK_EQ(pool_check(&shared_pool), 0);
}

static void test_each_class(void **state)
{
    (void)state;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        one_class(size_class);
}

/* One slab of blocks of an eighth of a page: what is present is known to the page. */
static void test_exact_pages(void **state)
{
    (void)state;
    size_t page = os_page_size();
    unsigned size_class = size_class_of(page / 8);
    unsigned blocks = size_classes[size_class].blocks;
    unsigned pages = (unsigned)(SLAB_SIZE / page);
    take(size_class, blocks);
    char *start = held[0];
    CHECK_EQ((uintptr_t)start % SLAB_SIZE, 0);
    for (unsigned i = 0; i < blocks; i++)
        fill(size_class, i);
    CHECK_EQ(unit_present_pages(start, SLAB_SIZE), pages);
    for (unsigned i = 0; i < blocks; i++)
        if (i != 0 && i != 17) {
            give(size_class, held[i]);
            held[i] = NULL;
        }
    CHECK_EQ(purge(0), (pages - 2) * page);
    CHECK_EQ(unit_present_pages(start, SLAB_SIZE), 2);
    CHECK_EQ(unit_present_pages(start + 2 * page, page), 1);
    /* the first free ones are of page 0; then page 1 comes back, with what is asked for */
    held_count = blocks;
    take(size_class, 7);
    CHECK_EQ(unit_present_pages(start, SLAB_SIZE), 2);
    take(size_class, 1);
    CHECK_EQ(unit_present_pages(start, SLAB_SIZE), 3);
    CHECK(held[held_count - 1] == start + page);
    CHECK(unit_is_zero(held[held_count - 1], page / 8));
    give_all(size_class);
}

static void test_young_slabs_wait(void **state)
{
    (void)state;
    bool is_pending = false;
    take(20, 500);
    while (held_count > 3)
        give(20, held[--held_count]);
    CHECK_EQ(idle_pages_purge(&shared_pool, 1, &is_pending), 0);
    CHECK(is_pending);
    is_pending = false;
    CHECK(idle_pages_purge(&shared_pool, 0, &is_pending) > 0);
    CHECK(!is_pending);
    CHECK_EQ(idle_pages_purge(&shared_pool, 1, &is_pending), 0);
    CHECK(!is_pending);
    give_all(20);
}

static bool fail_purge(enum os_call call)
{
    errno = EINVAL;
    return call == OS_CALL_PURGE;
}

static void test_refused(void **state)
{
    (void)state;
    take(20, 500);
    while (held_count > 3)
        give(20, held[--held_count]);
    os_inject_failure = fail_purge;
    CHECK_EQ(purge(0), 0);
    os_inject_failure = NULL;
    take(20, 200);
    for (unsigned i = 3; i < held_count; i++)
        fill(20, i);
    give_all(20);
    CHECK_EQ(pool_check(&shared_pool), 0);
}

/* What was refused is left alone for the decay time; then it is tried once more, though nothing has
 * been freed since. */
static void test_refused_is_tried_again(void **state)
{
    (void)state;
    bool is_pending = false;
    take(20, 500);
    while (held_count > 3)
        give(20, held[--held_count]);
    os_inject_failure = fail_purge;
    CHECK_EQ(idle_pages_purge(&shared_pool, 0, &is_pending), 0);
    CHECK(is_pending);
    os_inject_failure = NULL;
    is_pending = false;
    CHECK_EQ(idle_pages_purge(&shared_pool, 1, &is_pending), 0);
    CHECK(is_pending);
    is_pending = false;
    CHECK(purge(0) > 0);
    CHECK_EQ(idle_pages_purge(&shared_pool, 0, &is_pending), 0);
    CHECK(!is_pending);
    give_all(20);
}

static unsigned refusals;

static bool fail_some_purges(enum os_call call)
{
    errno = EINVAL;
    if (call != OS_CALL_PURGE || refusals == 0)
        return false;
    refusals--;
    return true;
}

/* Where all is locked a walk does not ask for each slab, and one for which it did not ask is not
 * forgotten. */
static void test_many_refused(void **state)
{
    (void)state;
    bool is_pending = false;
    unsigned blocks = size_classes[20].blocks;
    take(20, 150 * blocks);
    for (unsigned i = 0; i < held_count; i++)
        if (i % blocks != 0) {
            give(20, held[i]);
            held[i] = NULL;
        }
    refusals = 1000000;
    os_inject_failure = fail_some_purges;
    CHECK_EQ(purge(0), 0);
    CHECK(1000000 - refusals < 100 * SLAB_SIZE / os_page_size());
    refusals = 0;
    CHECK_EQ(idle_pages_purge(&shared_pool, 1, &is_pending), 0);
    CHECK(is_pending);
    CHECK(purge(0) > 140 * SLAB_SIZE / 2);
    os_inject_failure = NULL;
    give_all(20);
}

/* A page that is locked keeps no other. */
static void test_locked_page(void **state)
{
    (void)state;
    size_t page = os_page_size();
    unsigned size_class = size_class_of(page / 8);
    unsigned pages = (unsigned)(SLAB_SIZE / page);
    purge(0); /* what the tests before have left */
    take(size_class, size_classes[size_class].blocks);
    char *start = held[0];
    for (unsigned i = 0; i < held_count; i++)
        fill(size_class, i);
    while (held_count > 1)
        give(size_class, held[--held_count]);
    /* a sanitizer only says that it locks */
    if (!UNIT_SANITIZED && mlock(start + 2 * page, page) == 0) {
        CHECK_EQ(purge(0), (pages - 2) * page);
        CHECK_EQ(unit_present_pages(start, SLAB_SIZE), 2);
        CHECK_EQ(purge(0), 0);
        munlock(start + 2 * page, page);
        CHECK_EQ(purge(0), page);
    }
    give_all(size_class);
}

/* While a slab's pages are on their way its last blocks come back. */
static bool give_last(enum os_call call)
{
    if (call == OS_CALL_PURGE && held_count > 0) {
        unsigned count = held_count;
        held_count = 0;
        while (count-- > 0)
            give(20, held[count]);
    }
    return false;
}

static void test_emptied_meanwhile(void **state)
{
    (void)state;
    take(20, 200);
    while (held_count > 3)
        give(20, held[--held_count]);
    os_inject_failure = give_last;
    purge(0);
    os_inject_failure = NULL;
    CHECK_EQ(held_count, 0);
    struct pool_figures figures = {0};
    pool_count(&shared_pool, 20, &figures);
    CHECK_EQ(figures.slabs, 0);
}

/* ---- threads ---- */

static _Atomic unsigned running;

static void *take_and_give(void *number)
{
    uint64_t random = (uintptr_t)number + 1;
    void *blocks[512];
    unsigned count = 0;
    for (unsigned round = 0; round < 30000; round++) {
        if (count + BATCH_BLOCKS <= 512 && unit_random(&random, 2)) {
            unsigned got = pool_take(&shared_pool, 12, blocks + count, BATCH_BLOCKS);
            for (unsigned i = count; i < count + got; i++)
                pattern_fill(blocks[i], size_classes[12].size, (uintptr_t)blocks[i]);
            count += got;
        } else if (count > 0) {
            unsigned index = unit_random(&random, count);
            CHECK(pattern_holds(blocks[index], size_classes[12].size, (uintptr_t)blocks[index]));
            give(12, blocks[index]);
            blocks[index] = blocks[--count];
        }
    }
    while (count > 0)
        give(12, blocks[--count]);
    running--;
    return NULL;
}

static void *purge_all_the_while(void *unused)
{
    (void)unused;
    bool is_pending;
    while (running > 0)
        idle_pages_purge(&shared_pool, 0, &is_pending);
    return NULL;
}

static void *one_of_them(void *number)
{
    return (uintptr_t)number == 0 ? purge_all_the_while(number) : take_and_give(number);
}

static void test_threads(void **state)
{
    (void)state;
    running = UNIT_THREADS - 1;
    unit_run_threads(one_of_them);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(slab_check(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_pages),
        cmocka_unit_test(test_each_class),
        cmocka_unit_test(test_young_slabs_wait),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_is_tried_again),
        cmocka_unit_test(test_many_refused),
        cmocka_unit_test(test_locked_page),
        cmocka_unit_test(test_emptied_meanwhile),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
