/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/trim.c: a trim leaves nothing on the way from the bins to the kernel, touches no
 * block in use, and says how much went back.
 */
#include "unit/own_cache.h"

#include "front/owned_heap.h"
#include "front/route.h"
#include "front/trim.h"

#define COUNT 3000
#define SIZE 2000

static char *blocks[COUNT];

static void make(void)
{
    settings.decay_ms = 3600000; /* nothing goes by itself */
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK(reservation_make());
}

static void release(void *block)
{
    if (!front_free(block))
        CHECK(route_free(block));
}

/* One block in 100 stays: in bins, in a depot and in partly used slabs lies the rest. */
static void leave_holes(struct hak_heap *heap)
{
    for (unsigned i = 0; i < COUNT; i++) {
        blocks[i] = i % 4 == 1 ? route_alloc_from(heap, BLOCK_ALIGN, SIZE, false)
                               : route_alloc(SIZE, false);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], (int)(i % 100), SIZE);
    }
    for (unsigned i = 0; i < COUNT; i++)
        if (i % 100 >= 2)
            release(blocks[i]);
}

static void all_of_it(void)
{
    struct slab_figures figures;
    make();
    struct hak_heap *heap = owned_heap_new();
    leave_holes(heap);
    CHECK(count_of(size_class_of(SIZE)) > 0);
    size_t returned = trim_all();
    CHECK(returned > COUNT / 2 * SIZE && returned < 2 * COUNT * SIZE);
    CHECK_EQ(count_of(size_class_of(SIZE)), 0);
    CHECK_EQ(depot_count(size_class_of(SIZE)), 0);
    slab_count(&figures);
    CHECK_EQ(figures.warm_bytes, 0);
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned at = 0; i % 100 < 2 && at < SIZE; at++)
            CHECK_EQ(blocks[i][at], i % 100);
    CHECK_EQ(trim_all(), 0); /* there is no more */
    for (unsigned i = 0; i < COUNT; i++)
        if (i % 100 < 2)
            release(blocks[i]);
    CHECK(trim_all() > 0);
    owned_heap_destroy(heap);
    trim_all();
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
    check_structure();
    CHECK_EQ(lock_depth, 0);
}

/* Another thread's bins too, though it sleeps. */
static _Atomic int stage;

static void *sleep_with_bins(void *unused)
{
    unsigned size_class = size_class_of(SIZE);
    void *own[20];
    for (unsigned i = 0; i < 20; i++)
        own[i] = alloc_class(size_class);
    for (unsigned i = 0; i < 20; i++)
        free_class(size_class, own[i]);
    stage = 1;
    while (stage < 2)
        usleep(100);
    unified_cache_thread_exit();
    return unused;
}

static void of_others(void)
{
    pthread_t thread;
    make();
    CHECK_EQ(pthread_create(&thread, NULL, sleep_with_bins, NULL), 0);
    while (stage < 1)
        usleep(100);
    CHECK(blocks_out(size_class_of(SIZE)) >= 20);
    trim_all();
    CHECK(blocks_out(size_class_of(SIZE)) <= 1); /* the youngest stays */
    stage = 2;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    check_all_back();
}

/* A block twice in a depot ends the program. */
static void find_fault(void)
{
    void *pair[2];
    make();
    CHECK(pool_take(&shared_pool, CLASS_FIRST, pair, 1) == 1);
    pair[1] = pair[0];
    CHECK(depot_give(CLASS_FIRST, pair, 2, MIB));
    trim_all();
}

CHILD_TEST(all_of_it)
CHILD_TEST(of_others)

static void test_fault(void **state)
{
    (void)state;
    CHECK_ABORTS(find_fault, "double free of a 16-byte block");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_of_others),
        cmocka_unit_test(test_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
