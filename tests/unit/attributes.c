/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/attributes.c: pages with which nobody did anything stay as they are; what a program
 * asked of the kernel for them is undone; and a mapping of its own in their place is replaced.
 */
#include "unit/unit.h"

#include "slab/attributes.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/slab_run.h"
#include "slab/space.h"
#include "slab/superslab.h"

#define COUNT 2
#define SIZE (COUNT * SUPERSLAB_SIZE)

static char *start;

static void make(void)
{
    bool is_zero;
    settings.decay_ms = -1;
    CHECK(reservation_make());
    start = superslab_range_take(COUNT, &is_zero);
    CHECK(start != NULL);
    memset(start, 7, SIZE);
}

static void check_writable(void)
{
    for (size_t at = 0; at < SIZE; at += os_page_size())
        start[at] = 7;
    CHECK_EQ(slab_check(), 0);
}

static void untouched(void)
{
    make();
    CHECK(!attributes_undo(start, SIZE));
    CHECK(!attributes_undo(start + SLAB_SIZE, SLAB_SIZE));
    for (size_t at = 0; at < SIZE; at += os_page_size())
        CHECK_EQ(start[at], 7);
}

/* What can be undone is: the content stays. */
static void undone(void)
{
    size_t page = os_page_size();
    make();
    CHECK_EQ(mprotect(start + 3 * page, page, PROT_READ), 0);
    CHECK_EQ(madvise(start + SUPERSLAB_SIZE, page, MADV_DONTFORK), 0);
    CHECK(!attributes_undo(start, SIZE));
    for (size_t at = 0; at < SIZE; at += page)
        CHECK_EQ(start[at], 7);
    check_writable();
}

/* What cannot: true, and the pages are fresh. */
static void replaced(void)
{
    size_t page = os_page_size();
    make();
    char *shared = mmap(start + 5 * page, page, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(shared == start + 5 * page);
    shared[0] = 9;
    CHECK(attributes_undo(start, SUPERSLAB_SIZE));
    CHECK(unit_is_zero(start, SUPERSLAB_SIZE));
    CHECK_EQ(start[SUPERSLAB_SIZE], 7); /* the other superslab is not touched */
    CHECK(!attributes_undo(start, SIZE));
    check_writable();
}

/* A superslab without doubts is left alone, one with doubts is looked at. */
static void doubted(void)
{
    struct superslab *superslab;
    size_t page = os_page_size();
    make();
    superslab = superslab_of(start);
    CHECK_EQ(mprotect(start, page, PROT_READ), 0);
    lock_acquire(&space.lock);
    attributes_undo_superslab_locked(superslab);
    lock_release(&space.lock);
    CHECK(!os_is_one_mapping(start, SIZE, (size_t)1 << 46)); /* as it was */
    word_store(&superslab->doubted, 1);
    lock_acquire(&space.lock);
    attributes_undo_superslab_locked(superslab);
    lock_release(&space.lock);
    CHECK_EQ(superslab->doubted, 0);
    check_writable();
}

/* The kernel is not asked under a filter. Nor can it be in the small window, which lies so near the
 * end of the address space that no size is too long for a mapping there; the thread sanitizer has
 * all places of the large one. */
static bool is_asked(void)
{
#ifdef HAK_TSAN
    return false;
#else
    return !os_is_filtered();
#endif
}

#define ASKING_TEST(body)                                                                          \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        if (!is_asked())                                                                           \
            skip();                                                                                \
        CHECK_CHILD(body);                                                                         \
    }

CHILD_TEST(untouched)
ASKING_TEST(undone)
ASKING_TEST(replaced)
ASKING_TEST(doubted)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_undone),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_doubted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
