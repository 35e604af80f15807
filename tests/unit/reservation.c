/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/reservation.c, with address space rationed and not: its making, also where the
 * kernel refuses or the places are taken; its tables, as far as they reach; and the slab map. Each
 * test is a child, for there is one reservation in a process's life.
 */
#include "unit/slab_layer.h"

#include "slab/slab_check.h"
#include "slab/superslab.h"

static void pointers_and_map(void)
{
    static int outside;
    CHECK_EQ(reservation_get()->size, 0);
    make_reservation();
    struct reservation *base = reservation_get();
    CHECK_EQ(base->size, space.covered * SUPERSLAB_SIZE);
    CHECK(unit_is_zero(base->front, sizeof(base->front)));
    const void *const foreign[] = {
        NULL, &outside, &base, (char *)base - 1, (char *)base + base->size, (void *)UINTPTR_MAX};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        CHECK(reservation_offset(base, foreign[i]) >= base->size);
    bool is_zero;
    char *start = superslab_range_take(2, &is_zero);
    size_t offset = reservation_offset(base, start);
    CHECK(offset < base->size);
    slab_map_set(start + SLAB_SIZE, 3, 7);
    for (size_t slab = 0; slab < 8; slab++)
        for (size_t at = 0; at < SLAB_SIZE; at += SLAB_SIZE - 1)
            CHECK_EQ(slab_map_get(base, offset + slab * SLAB_SIZE + at),
                     slab >= 1 && slab <= 3 ? 7 : 0);
    CHECK(slab_find(start) == NULL);
    struct slab *record = superslab_first_record(start);
    CHECK(record != NULL && record == superslab_first_record(start));
    CHECK(slab_find(start) == record);
}

/* The tables are mapped further by doubling, and never beyond the window. */
static void covers(void)
{
    make_reservation();
    size_t covered = space.covered;
    CHECK(covered < space.count);
    lock_acquire(&space.lock);
    CHECK(reservation_cover_locked(covered));
    CHECK_EQ(space.covered, covered);
    CHECK(reservation_cover_locked(covered + 1));
    CHECK_EQ(space.covered, covered + (covered - space.first));
    CHECK(reservation_cover_locked(space.count));
    CHECK_EQ(space.covered, space.count);
    lock_release(&space.lock);
    CHECK_EQ(reservation_get()->size, space.count * SUPERSLAB_SIZE);
    CHECK_EQ(reservation_bytes(), (space.count - space.first) * SUPERSLAB_SIZE);
    /* the last row, bit and byte */
    space.superslabs[space.count - 1].free = 1;
    superslab_set_taken(space.count - 1, true);
    slab_map_set(superslab_start(&space.superslabs[space.count - 1]), SLABS_PER_SUPERSLAB, 7);
    CHECK_EQ(slab_map_get(reservation_get(), reservation_get()->size - 1), 7);
}

static bool fail_all(enum os_call call)
{
    (void)call;
    errno = ENOMEM;
    return true;
}

static void cover_refused(void)
{
    make_reservation();
    size_t covered = space.covered;
    os_inject_failure = fail_all;
    lock_acquire(&space.lock);
    CHECK(!reservation_cover_locked(covered + 1));
    lock_release(&space.lock);
    os_inject_failure = NULL;
    CHECK_EQ(space.covered, covered);
    CHECK_EQ(reservation_get()->size, covered * SUPERSLAB_SIZE);
}

/* No record for what was never used, whatever the pointer. */
static void find_any(void)
{
    static int outside;
    bool is_zero;
    make_reservation();
    CHECK(slab_find_any(NULL) == NULL);
    CHECK(slab_find_any(&outside) == NULL);
    CHECK(slab_find_any(reservation_get()) == NULL);
    CHECK(slab_find_any((char *)reservation_get() + reservation_get()->size) == NULL);
    char *start = superslab_range_take(1, &is_zero);
    struct slab *record = superslab_first_record(start);
    CHECK(slab_find_any(start) == record);
    CHECK(slab_find_any(start + SUPERSLAB_SIZE) == NULL); /* behind the frontier */
    reservation_forget();
    CHECK_EQ(reservation_get()->size, 0);
}

static void fails_then_succeeds(void)
{
    os_inject_failure = fail_all;
    for (unsigned i = 0; i < 3; i++) {
        CHECK(!reservation_make());
        CHECK_EQ(reservation_get()->size, 0);
    }
    os_inject_failure = NULL;
    make_reservation();
    bool is_zero;
    CHECK(superslab_range_take(1, &is_zero) != NULL);
    CHECK_EQ(slab_check(), 0);
}

static bool occupy_large_windows(enum os_call call)
{
#ifdef HAK_TSAN
    static unsigned places = 0; /* under it there are none */
#else
    static unsigned places = 64;
#endif
    errno = EEXIST;
    return call == OS_CALL_MAP && places > 0 && places-- > 0;
}

/* Where all places of the large window are taken there is a smaller one. */
static void small_window(void)
{
    bool is_zero;
    os_inject_failure = occupy_large_windows;
    make_reservation();
    os_inject_failure = NULL;
    CHECK(reservation_bytes() < RESERVATION_SMALL);
    CHECK(reservation_bytes() > RESERVATION_SMALL / 2);
    char *start = superslab_range_take(3, &is_zero);
    CHECK(start != NULL && is_zero);
    memset(start, 1, 3 * SUPERSLAB_SIZE);
    CHECK_EQ(slab_check(), 0);
}

#define BOTH_WAYS_TEST(body)                                                                       \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_BOTH_WAYS(body);                                                                     \
    }

BOTH_WAYS_TEST(pointers_and_map)
BOTH_WAYS_TEST(covers)
BOTH_WAYS_TEST(cover_refused)
BOTH_WAYS_TEST(find_any)
BOTH_WAYS_TEST(fails_then_succeeds)
BOTH_WAYS_TEST(small_window)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointers_and_map),    cmocka_unit_test(test_covers),
        cmocka_unit_test(test_cover_refused),       cmocka_unit_test(test_find_any),
        cmocka_unit_test(test_fails_then_succeeds), cmocka_unit_test(test_small_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
