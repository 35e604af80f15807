/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/span_list.c: spans that join and leave a list in any order, and the figures of all
 * spans. The spans are records alone.
 */
#include "unit/unit.h"

#include "lane/span_list.h"

#define COUNT 20

static struct span_list list;
static struct slab spans[COUNT];

static unsigned list_length(void)
{
    unsigned length = 0;
    for (const struct slab *span = list.first, *prev = NULL; span;
         prev = span, span = span->next, length++) {
        CHECK(span->owner == &list);
        CHECK(span->prev == prev);
    }
    return length;
}

static void test_list(void **state)
{
    uint64_t random = 4;
    unsigned count = 0;
    (void)state;
    for (unsigned step = 0; step < 2000; step++) {
        struct slab *span = &spans[unit_random(&random, COUNT)];
        if (span->owner) {
            span_list_remove(span);
            CHECK(span->owner == NULL);
            count--;
        } else {
            span_list_add(&list, span);
            count++;
        }
        CHECK_EQ(list_length(), count);
        CHECK_EQ(list.lock.word, 0);
    }
    for (unsigned i = 0; i < COUNT; i++)
        span_list_remove(&spans[i]); /* of those in no list too */
    CHECK(list.first == NULL);
}

/* A span of the process's own: no list, and whatever the record had before. */
static void test_no_list(void **state)
{
    struct slab span = {.owner = &list, .next = &spans[1]};
    (void)state;
    span_list_add(NULL, &span);
    CHECK(span.owner == NULL);
    span_list_remove(&span);
    CHECK(list.first == NULL);
}

static void test_figures(void **state)
{
    unsigned first = CLASS_POOL_LAST + 1;
    (void)state;
    CHECK_EQ(span_bytes(), 0);
    for (unsigned size_class = first; size_class <= CLASS_HUGE; size_class++) {
        span_count_refill(size_class);
        span_count_refill(size_class);
        span_count_flush(size_class);
        CHECK_EQ(span_traffic(size_class).refilled, 2);
        CHECK_EQ(span_traffic(size_class).flushed, 1);
    }
    size_t bytes = 0;
    for (unsigned size_class = first; size_class <= CLASS_ACE_LAST; size_class++)
        bytes += size_classes[size_class].size;
    CHECK_EQ(span_bytes(), bytes); /* Huge blocks have no size by their class */
    huge_bytes = 5 * MIB;
    CHECK_EQ(span_bytes(), bytes + 5 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_no_list),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
