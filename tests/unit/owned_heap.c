/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/owned_heap.c: owned heaps used at random beside each other and the process's
 * own, destroyed with blocks of all lanes in them, their figures, checks and misuse, their samples,
 * and threads.
 */
#include "unit/unit.h"

#include "front/owned_heap.h"
#include "front/route.h"
#include "front/watched.h"

#define HEAPS 3
#define HELD_MAX 150

/* Purpose: a block that the test holds, with the sparse pattern of its size and key. */
struct held {
    char *block;
    size_t size;
    uint64_t key;
    unsigned heap;
};

static struct hak_heap *heaps[HEAPS];
static struct held held[HELD_MAX];

static void make(void)
{
    settings.decay_ms = -1;
    CHECK(reservation_make());
}

static void check_structure(void)
{
    CHECK_EQ(slab_check(), 0);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(owned_heap_check(), 0);
}

static size_t blocks_of_heaps(void)
{
    struct pool_figures figures[CLASS_POOL_LAST + 1];
    size_t blocks = 0;
    for (unsigned span = CLASS_POOL_LAST + 1; span <= CLASS_HUGE; span++)
        blocks += span_traffic(span).refilled - span_traffic(span).flushed;
    memset(figures, 0, sizeof(figures));
    owned_heap_count(figures);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        blocks += figures[size_class].blocks_out;
    return blocks;
}

static size_t random_size(uint64_t *random)
{
    switch (unit_random(random, 8)) {
    case 0: return LANE_HUGE_MIN + random_next(random) % (3 * MIB);
    case 1: return LANE_ACE_MIN + random_next(random) % (LANE_ACE_MAX - LANE_ACE_MIN);
    case 2: return LANE_POOL_MIN + random_next(random) % (LANE_POOL_MAX - LANE_POOL_MIN);
    default: return unit_random(random, LANE_TINY_MAX + 1);
    }
}

static void fill(struct held *one)
{
    one->key++;
    pattern_fill_sparse(one->block, one->size, one->key);
}

static void take(struct held *one, uint64_t *random)
{
    size_t size = random_size(random);
    bool is_zeroed = unit_random(random, 2);
    size_t alignment = BLOCK_ALIGN << unit_random(random, 14);
    one->heap = unit_random(random, HEAPS);
    one->size = size;
    one->block = route_alloc_from(heaps[one->heap], alignment, size, is_zeroed);
    CHECK(one->block != NULL);
    CHECK_EQ((uintptr_t)one->block % alignment, 0);
    struct reservation *base = reservation_get();
    CHECK_EQ(slab_map_get(base, reservation_offset(base, one->block)), CLASS_OWNED);
    for (size_t at = 0; is_zeroed && at + 64 <= size; at += 4 * KIB)
        CHECK(unit_is_zero(one->block + at, 64));
    fill(one);
}

/* Through the route, as free and realloc come. */
static void resize_or_free(struct held *one, uint64_t *random)
{
    size_t usable;
    void *resized;
    CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
    CHECK(route_usable(one->block, &usable) && usable >= one->size);
    if (unit_random(random, 2)) {
        CHECK(route_free(one->block));
        one->block = NULL;
        return;
    }
    size_t size = max_size(random_size(random), 1);
    CHECK(route_resize(one->block, size, &resized) && resized != NULL);
    CHECK(pattern_sparse_holds(resized, one->size, size, one->key));
    one->block = resized;
    one->size = size;
    fill(one);
}

static void destroy_one(unsigned heap)
{
    owned_heap_destroy(heaps[heap]);
    for (unsigned i = 0; i < HELD_MAX; i++)
        if (held[i].block && held[i].heap == heap)
            held[i].block = NULL;
    heaps[heap] = owned_heap_new();
    CHECK(heaps[heap] != NULL);
}

static void at_random(void)
{
    uint64_t random = 91;
    make();
    for (unsigned i = 0; i < HEAPS; i++)
        CHECK((heaps[i] = owned_heap_new()) != NULL);
    for (unsigned step = 0; step < 2000; step++) {
        struct held *one = &held[unit_random(&random, HELD_MAX)];
        if (step % 200 == 199)
            destroy_one(unit_random(&random, HEAPS));
        else if (!one->block)
            take(one, &random);
        else
            resize_or_free(one, &random);
        if (step % 4 == 0) {
            size_t count = 0;
            for (unsigned i = 0; i < HELD_MAX; i++)
                count += held[i].block != NULL;
            CHECK_EQ(blocks_of_heaps(), count);
            check_structure();
        }
    }
    for (unsigned i = 0; i < HEAPS; i++)
        owned_heap_destroy(heaps[i]);
    struct slab_figures figures;
    purge_warm();
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
    CHECK_EQ(blocks_of_heaps(), 0);
    check_structure();
}

/* Heaps come and go without a trace. */
static void coming_and_going(void)
{
    size_t metadata = 0;
    make();
    for (unsigned i = 0; i < 200; i++) {
        struct hak_heap *heap = owned_heap_new();
        for (size_t size = 1; size < 4 * MIB; size *= 3)
            CHECK(route_alloc_from(heap, BLOCK_ALIGN, size, false) != NULL);
        owned_heap_destroy(heap);
        metadata = i == 0 ? meta_used_bytes() : metadata;
    }
    CHECK_EQ(meta_used_bytes(), metadata);
    check_structure();
}

/* When many heaps have gone, so have their pages, and a fork has little to do. */
static void many(void)
{
    enum { COUNT = 3000 };
    static struct hak_heap *many_heaps[COUNT];
    size_t before = os_resident_bytes();
    make();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            many_heaps[i] = owned_heap_new();
            char *block = route_alloc_from(many_heaps[i], BLOCK_ALIGN, 100, false);
            CHECK(block != NULL && owned_heap_usable(block, "test") >= 100);
            memset(block, 1, 100);
        }
        for (unsigned i = 0; i < COUNT; i++)
            owned_heap_destroy(many_heaps[(i * 7919) % COUNT]);
        purge_warm();
        /* bodies of 8 KiB would be 24 MiB */
        CHECK(UNIT_SANITIZED || os_resident_bytes() < before + 8 * MIB);
    }
    check_structure();
}

static void impossible(void)
{
    void *resized;
    make();
    struct hak_heap *heap = owned_heap_new();
    CHECK(route_alloc_from(heap, BLOCK_ALIGN, SIZE_MAX, false) == NULL);
    CHECK(route_alloc_from(heap, BLOCK_ALIGN, PTRDIFF_MAX, true) == NULL);
    char *block = route_alloc_from(heap, BLOCK_ALIGN, 3 * MIB, false);
    CHECK(route_resize(block, PTRDIFF_MAX, &resized) && resized == NULL);
    block = route_alloc_from(heap, BLOCK_ALIGN, 300, false);
    pattern_fill(block, 300, 1);
    CHECK(route_resize(block, PTRDIFF_MAX, &resized) && resized == NULL);
    CHECK(pattern_holds(block, 300, 1));
    check_structure();
}

static void check_stays(char *block, size_t old_size, size_t size)
{
    void *resized;
    pattern_fill_sparse(block, old_size, 7);
    CHECK(route_resize(block, size, &resized) && resized == block);
    CHECK(pattern_sparse_holds(block, old_size, size, 7));
    CHECK(front_free(block) || route_free(block));
}

/* A heap's blocks are resized as the process's are: by the same rule of fit, and spans and Huge
 * blocks where they are. */
static void resized_alike(void)
{
    static const size_t sizes[][2] = {
        {16, 1}, {1000, 600}, {128 * KIB, MIB}, {MIB, 100 * KIB}, {9 * MIB, 9 * MIB - 5000}};
    make();
    struct hak_heap *heap = owned_heap_new();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_stays(route_alloc(sizes[i][0], false), sizes[i][0], sizes[i][1]);
        check_stays(route_alloc_from(heap, BLOCK_ALIGN, sizes[i][0], false), sizes[i][0],
                    sizes[i][1]);
    }
    owned_heap_destroy(heap);
    check_structure();
}

static void planted(void)
{
    make();
    struct hak_heap *heap = owned_heap_new();
    struct slab *slab = slab_find(route_alloc_from(heap, BLOCK_ALIGN, 100, false));
    pooled(slab)->free_count--;
    CHECK_REPORTS(owned_heap_check(), "the bitmap and the count of free blocks differ");
    pooled(slab)->free_count++;
    CHECK_EQ(owned_heap_check(), 0);
}

/* Pages of free blocks go, those of live ones stay; also after the heap's memory was another's. */
static void idle_pages(void)
{
    static char *blocks[4000];
    bool is_pending = false;
    make();
    settings.huge_pages = HUGE_PAGES_OFF;
    for (unsigned round = 0; round < 2; round++) {
        struct hak_heap *heap = owned_heap_new();
        for (unsigned i = 0; i < 4000; i++) {
            blocks[i] = route_alloc_from(heap, BLOCK_ALIGN, 500, false);
            pattern_fill(blocks[i], 500, i);
        }
        for (unsigned i = 0; i < 4000; i++)
            if (i % 100 != 0)
                route_free(blocks[i]);
        CHECK(owned_heap_purge_idle(0, &is_pending) > 3000 * 500u);
        CHECK_EQ(owned_heap_purge_idle(0, &is_pending), 0);
        for (unsigned i = 0; i < 4000; i += 100)
            CHECK(pattern_holds(blocks[i], 500, i));
        check_structure();
        owned_heap_destroy(heap);
    }
    check_structure();
}

static void *make_and_destroy(uint64_t random)
{
    for (unsigned round = 0; round < 300; round++) {
        char *blocks[300];
        struct hak_heap *heap = owned_heap_new();
        for (unsigned i = 0; i < 300; i++) {
            blocks[i] = route_alloc_from(heap, BLOCK_ALIGN, 300 + i % 7 * 600, false);
            pattern_fill(blocks[i], 300, i);
            unsigned other = unit_random(&random, i + 1);
            if (blocks[other] && other % 16 != 0) {
                CHECK(pattern_holds(blocks[other], 300, other));
                route_free(blocks[other]);
                blocks[other] = NULL;
            }
        }
        for (unsigned i = 0; i < 300; i++)
            CHECK(!blocks[i] || pattern_holds(blocks[i], 300, i));
        owned_heap_destroy(heap);
    }
    return NULL;
}

static _Atomic unsigned makers = UNIT_THREADS - 1;

static void *make_or_purge(void *number)
{
    bool is_pending;
    if ((uintptr_t)number > 0) {
        make_and_destroy((uintptr_t)number);
        makers--;
    }
    while ((uintptr_t)number == 0 && makers > 0)
        owned_heap_purge_idle(0, &is_pending);
    return NULL;
}

/* Heaps are destroyed, and begun anew in the same memory, while their pages are looked for. */
static void purged_and_destroyed(void)
{
    make();
    unit_run_threads(make_or_purge);
    check_structure();
    CHECK_EQ(blocks_of_heaps(), 0);
}

static void *exchange(void *number)
{
    static _Atomic(char *) mailbox[16];
    uint64_t random = (uintptr_t)number + 5;
    for (unsigned step = 0; step < 3000; step++) {
        char *block = route_alloc_from(heaps[0], BLOCK_ALIGN, 1 + unit_random(&random, 3000),
                                       false);
        CHECK(block != NULL);
        block[0] = 5;
        block = atomic_exchange(&mailbox[unit_random(&random, 16)], block);
        if (block) {
            CHECK_EQ(block[0], 5);
            CHECK(route_free(block));
        }
        if (step % 200 == 0) {
            struct hak_heap *own = owned_heap_new();
            CHECK(route_alloc_from(own, BLOCK_ALIGN, 100 * KIB, false) != NULL);
            CHECK_EQ(owned_heap_check(), 0);
            owned_heap_destroy(own);
        }
    }
    return NULL;
}

static void threads(void)
{
    make();
    heaps[0] = owned_heap_new();
    unit_run_threads(exchange);
    check_structure();
    owned_heap_destroy(heaps[0]);
    CHECK_EQ(blocks_of_heaps(), 0);
    check_structure();
}

/* A heap with a sample ends it; one without does not look through those of others, which takes
 * long: it does not even take the profile's lock, which is held here. */
static void with_samples(void)
{
    make();
    struct hak_heap *sampled = owned_heap_new();
    struct hak_heap *other = owned_heap_new();
    CHECK(watched_start(PROFILE_BY_PROGRAM, 1));
    void *kept = route_alloc(100, false);
    void *block = route_alloc_from(sampled, BLOCK_ALIGN, 100, false);
    watched_stop(PROFILE_BY_PROGRAM);
    CHECK(profile_has(kept) && profile_has(block));
    CHECK(route_alloc_from(other, BLOCK_ALIGN, 100, false));
    owned_heap_destroy(sampled);
    CHECK(profile_has(kept) && !profile_has(block));
    struct hak_heap *again = owned_heap_new(); /* in place of the one that had samples */
    alarm(60);
    lock_acquire(&profile.lock);
    owned_heap_destroy(other);
    owned_heap_destroy(again);
    lock_release(&profile.lock);
    CHECK(profile_has(kept));
}

static void *own_block(size_t size)
{
    make();
    return route_alloc_from(owned_heap_new(), BLOCK_ALIGN, size, false);
}

static void free_twice(void)
{
    void *block = own_block(100);
    route_alloc_from(heaps[0] = owned_heap_new(), BLOCK_ALIGN, 100, false);
    struct slab *slab = slab_find(block);
    void *second;
    CHECK_EQ(pool_take(slab->owner, slab->size_class, &second, 1), 1); /* the slab stays */
    route_free(block);
    route_free(block);
}

static void free_inside(void)
{
    route_free((char *)own_block(100) + 16);
}

static void free_inside_span(void)
{
    route_free((char *)own_block(100 * KIB) + 16);
}

CHILD_TEST(at_random)
CHILD_TEST(coming_and_going)
CHILD_TEST(many)
CHILD_TEST(impossible)
CHILD_TEST(resized_alike)
CHILD_TEST(planted)
CHILD_TEST(idle_pages)
CHILD_TEST(purged_and_destroyed)
CHILD_TEST(threads)
CHILD_TEST(with_samples)

static void test_misuse(void **state)
{
    (void)state;
    CHECK_ABORTS(free_twice, "double free of a 112-byte block");
    CHECK_ABORTS(free_inside, "not the start of a block, but inside one of 112 bytes");
    CHECK_ABORTS(free_inside_span, "not the start of a block, but inside one of");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_random),     cmocka_unit_test(test_coming_and_going),
        cmocka_unit_test(test_many),          cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_resized_alike), cmocka_unit_test(test_planted),
        cmocka_unit_test(test_idle_pages),    cmocka_unit_test(test_purged_and_destroyed),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_with_samples),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
