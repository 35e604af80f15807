/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/afresh.c: a new start has a heap that is empty, and knows the usable sizes of the
 * one that it has abandoned, and of the last few before; and a start for which there is no address
 * space. Whole copies of a process are in init.c.
 */
#include "unit/own_cache.h"

#include "front/afresh.h"
#include "front/owned_heap.h"
#include "front/route.h"

#define KINDS 6
#define REMEMBERED 8

static const size_t sizes[KINDS] = {1, 40, 3000, 70000, 700000, 5000000};

/* Purpose: a block of a heap that will be abandoned. */
static struct held {
    char *block;
    size_t usable;
} held[KINDS + 1];

static void take(struct held *one, char *block, size_t size)
{
    one->block = block;
    CHECK(block != NULL && route_usable(block, &one->usable));
    pattern_fill_sparse(block, size, size);
}

static void make(void)
{
    settings.decay_ms = -1;
    CHECK(reservation_make());
    for (unsigned i = 0; i < KINDS; i++)
        take(&held[i], route_alloc(sizes[i], false), sizes[i]);
    take(&held[KINDS], route_alloc_from(owned_heap_new(), BLOCK_ALIGN, 100, false), 100);
}

static void start(void)
{
    static int outside;
    make();
    char *head = (char *)reservation_get();
    CHECK_EQ(afresh_usable(held[0].block), 0); /* nothing is abandoned yet */
    CHECK(!afresh_has(held[0].block));
    CHECK(afresh_start());
    CHECK((char *)reservation_get() != head);
    for (unsigned i = 0; i <= KINDS; i++) {
        size_t size = i < KINDS ? sizes[i] : 100;
        CHECK_EQ(afresh_usable(held[i].block), held[i].usable);
        CHECK(afresh_has(held[i].block));
        CHECK(pattern_sparse_holds(held[i].block, size, SIZE_MAX, size));
        CHECK(route_free(held[i].block)); /* that does nothing */
        CHECK_EQ(afresh_usable(held[i].block), held[i].usable);
    }
    CHECK(afresh_has(head));
    CHECK_EQ(afresh_usable(head), 0);
    CHECK_EQ(afresh_usable(&outside), 0);
    CHECK(!afresh_has(&outside) && !afresh_has(NULL));
}

static void empty_heap(void)
{
    struct slab_figures figures;
    make();
    CHECK(afresh_start());
    CHECK(thread_cache_own() == NULL);
    CHECK_EQ(thread_cache_count(), 0);
    CHECK_EQ(span_bytes(), 0);
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
    for (unsigned i = 0; i < KINDS; i++) {
        char *block = route_alloc(sizes[i], false);
        CHECK(block != NULL);
        CHECK_EQ(afresh_usable(block), 0);
        memset(block, 1, sizes[i]);
        CHECK(route_free(block));
    }
    check_structure();
    unified_cache_empty();
    check_structure();
}

/* A heap abandoned long ago is forgotten. */
static void generations(void)
{
    char *blocks[REMEMBERED + 2];
    make();
    for (unsigned i = 0; i < REMEMBERED + 2; i++) {
        blocks[i] = route_alloc(1000, false);
        CHECK(afresh_start());
        for (unsigned j = 0; j <= i; j++) {
            CHECK_EQ(afresh_usable(blocks[j]), i - j < REMEMBERED ? route_good_size(1000) : 0);
            /* a window that is remembered may lie around one that is not */
            CHECK(i - j >= REMEMBERED || afresh_has(blocks[j]));
        }
    }
}

static bool fail_all(enum os_call call)
{
    (void)call;
    errno = ENOMEM;
    return true;
}

/* No address space now: the old heap is abandoned once, and a later start succeeds. */
static void no_space(void)
{
    make();
    for (unsigned i = 0; i < REMEMBERED + 1; i++) {
        os_inject_failure = fail_all;
        CHECK(!afresh_start());
        os_inject_failure = NULL;
        CHECK_EQ(reservation_get()->size, 0);
        CHECK_EQ(afresh_usable(held[1].block), held[1].usable);
    }
    CHECK(afresh_start());
    CHECK_EQ(afresh_usable(held[1].block), held[1].usable);
    CHECK(route_alloc(100, false) != NULL);
    check_structure();
}

/* The thread sanitizer leaves no place for a second window. */
#ifdef HAK_TSAN
#define HAS_PLACE false
#else
#define HAS_PLACE true
#endif

#define AFRESH_TEST(body)                                                                          \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        if (!HAS_PLACE)                                                                            \
            skip();                                                                                \
        CHECK_CHILD(body);                                                                         \
    }

AFRESH_TEST(start)
AFRESH_TEST(empty_heap)
AFRESH_TEST(generations)
AFRESH_TEST(no_space)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_empty_heap),
        cmocka_unit_test(test_generations),
        cmocka_unit_test(test_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
