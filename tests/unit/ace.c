/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/ace.c and lane/span_list.c: spans of every class, resized in place, at random with
 * patterns and figures; and the lists by which an owned heap finds its spans.
 */
#include "unit/unit.h"

#include "lane/lane.h"
#include "slab/superslab.h"

#define SPANS 24
#define ACE_FIRST (CLASS_POOL_LAST + 1)
#define ACE_CLASSES (CLASS_ACE_LAST - CLASS_POOL_LAST)

/* Purpose: a span that the test holds, filled for its class. */
struct span {
    char *block;
    unsigned size_class;
};

static struct span spans[SPANS];

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = -1;
    return reservation_make() ? 0 : -1;
}

static size_t size_of(unsigned size_class)
{
    return size_classes[size_class].size;
}

static unsigned map_byte(const char *block)
{
    return slab_map_get(reservation_get(), reservation_offset(reservation_get(), block));
}

static void fill(const struct span *span)
{
    size_t size = size_of(span->size_class);
    pattern_fill_sparse(span->block, size, pattern_key(span->block, size, 2));
}

static bool holds(const struct span *span, size_t prefix)
{
    size_t size = size_of(span->size_class);
    return pattern_sparse_holds(span->block, size, prefix, pattern_key(span->block, size, 2));
}

/* A word in each slab is enough to see whether a span is as zero as it is said to be. */
static bool seems_zero(const char *block, size_t size)
{
    for (size_t at = 0; at < size; at += SLAB_SIZE / 2)
        if (!unit_is_zero(block + at, 64))
            return false;
    return unit_is_zero(block + size - PATTERN_EDGE, PATTERN_EDGE);
}

static void take(struct span *span, unsigned size_class, struct span_list *list)
{
    bool is_zero;
    span->block = ace_take(size_class, list, &is_zero);
    span->size_class = size_class;
    CHECK(span->block != NULL);
    CHECK_EQ((uintptr_t)span->block % SLAB_SIZE, 0);
    CHECK_EQ(map_byte(span->block), list ? CLASS_OWNED : size_class);
    CHECK_EQ(slab_find(span->block)->state, SLAB_ACE);
    CHECK_EQ(slab_find(span->block)->size, size_of(size_class));
    CHECK(!is_zero || seems_zero(span->block, size_of(size_class)));
    fill(span);
}

static void give(struct span *span)
{
    CHECK(holds(span, SIZE_MAX));
    ace_give(span->block);
    CHECK_EQ(map_byte(span->block), CLASS_NONE);
    span->block = NULL;
}

static void check_figures(void)
{
    size_t blocks = 0;
    size_t bytes = 0;
    for (unsigned i = 0; i < SPANS; i++)
        if (spans[i].block) {
            blocks++;
            bytes += size_of(spans[i].size_class);
        }
    size_t live = 0;
    for (unsigned size_class = ACE_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        live += span_traffic(size_class).refilled - span_traffic(size_class).flushed;
    CHECK_EQ(live, blocks);
    CHECK_EQ(span_bytes(), bytes);
    CHECK_EQ(slab_check(), 0);
}

static void test_each_class(void **state)
{
    (void)state;
    for (unsigned size_class = ACE_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        take(&spans[0], size_class, NULL);
        memset(spans[0].block, 1, size_of(size_class));
        fill(&spans[0]);
        check_figures();
        give(&spans[0]);
        check_figures();
    }
}

static void resize(struct span *span, unsigned size_class)
{
    size_t kept = size_of(min_size(size_class, span->size_class));
    unsigned slabs = slab_find(span->block)->slab_count;
    bool is_done = ace_resize(span->block, size_class);
    CHECK(is_done || size_classes[size_class].slabs > slabs);
    CHECK(holds(span, is_done ? kept : SIZE_MAX));
    if (is_done)
        span->size_class = size_class;
    CHECK_EQ(map_byte(span->block), span->size_class);
    CHECK_EQ(slab_find(span->block)->size, size_of(span->size_class));
    CHECK_EQ(slab_find(span->block)->slab_count, size_classes[span->size_class].slabs);
    fill(span);
}

static void test_random(void **state)
{
    uint64_t random = 17;
    (void)state;
    for (unsigned step = 0; step < 2000; step++) {
        struct span *span = &spans[unit_random(&random, SPANS)];
        unsigned size_class = ACE_FIRST + unit_random(&random, ACE_CLASSES);
        if (!span->block)
            take(span, size_class, NULL);
        else if (unit_random(&random, 3) > 0)
            resize(span, size_class);
        else
            give(span);
        if (step % 100 == 0)
            purge_warm();
        check_figures();
    }
    for (unsigned i = 0; i < SPANS; i++)
        if (spans[i].block)
            give(&spans[i]);
    check_figures();
}

/* In an empty superslab: growing takes what follows, shrinking gives it to whoever wants it. */
static void test_resize_in_place(void **state)
{
    struct slab_figures before;
    struct slab_figures after;
    bool is_zero;
    (void)state;
    purge_warm();
    slab_count(&before);
    CHECK_EQ(before.mapped_bytes, 0);
    take(&spans[0], size_class_of(128 * KIB), NULL);
    resize(&spans[0], size_class_of(MIB));
    CHECK_EQ(spans[0].size_class, size_class_of(MIB));
    resize(&spans[0], size_class_of(64 * KIB));
    slab_count(&after);
    CHECK_EQ(after.warm_bytes, MIB - 64 * KIB);
    struct slab *next = slab_run_take(1, &is_zero);
    CHECK(next->start == spans[0].block + 64 * KIB);
    CHECK(!ace_resize(spans[0].block, size_class_of(128 * KIB)));
    slab_run_give(next);
    CHECK(ace_resize(spans[0].block, size_class_of(2 * MIB)));
    spans[0].size_class = CLASS_ACE_LAST;
    fill(&spans[0]);
    check_figures();
    give(&spans[0]);
    check_figures();
}

static bool fail_all(enum os_call call)
{
    (void)call;
    errno = ENOMEM;
    return true;
}

static void exhausted(void)
{
    bool is_zero;
    os_inject_failure = fail_all; /* only the reservation's own memory is left: that works */
    CHECK(ace_take(ACE_FIRST, NULL, &is_zero) != NULL);
    while (superslab_range_take(64, &is_zero) || superslab_range_take(1, &is_zero))
        ;
    while (ace_take(ACE_FIRST, NULL, &is_zero))
        ;
    CHECK(ace_take(CLASS_ACE_LAST, NULL, &is_zero) == NULL);
    CHECK_EQ(slab_check(), 0);
}

static void test_exhausted(void **state)
{
    (void)state;
    CHECK_CHILD(exhausted);
}

/* ---- lists ---- */

static unsigned length_of(const struct span_list *list)
{
    unsigned length = 0;
    const struct slab *previous = NULL;
    for (const struct slab *slab = list->first; slab; slab = slab->next) {
        CHECK(slab->prev == previous);
        CHECK(slab->owner == list);
        previous = slab;
        length++;
    }
    return length;
}

static void test_lists(void **state)
{
    struct span_list lists[2] = {{.first = NULL}, {.first = NULL}};
    unsigned lengths[2] = {0, 0};
    unsigned list_of[SPANS] = {0};
    uint64_t random = 23;
    (void)state;
    for (unsigned step = 0; step < 600; step++) {
        unsigned index = unit_random(&random, SPANS);
        struct span *span = &spans[index];
        if (span->block) {
            give(span);
            lengths[list_of[index]]--;
        } else {
            list_of[index] = unit_random(&random, 2);
            take(span, ACE_FIRST + unit_random(&random, 8), &lists[list_of[index]]);
            lengths[list_of[index]]++;
        }
        CHECK_EQ(length_of(&lists[0]), lengths[0]);
        CHECK_EQ(length_of(&lists[1]), lengths[1]);
        check_figures();
    }
    for (unsigned list = 0; list < 2; list++)
        while (lists[list].first)
            ace_give(lists[list].first->start);
    memset(spans, 0, sizeof(spans));
    check_figures();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_class),      cmocka_unit_test(test_random),
        cmocka_unit_test(test_resize_in_place), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_exhausted),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
