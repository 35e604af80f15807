/* SPDX-License-Identifier: MIT */
/* Tests of slab/meta.c on an arena of its own: no reservation is made. */
#include "unit/unit.h"

#include "slab/meta.h"

#define ARENA (2 * MIB)
#define PIECES 400

struct piece {
    unsigned char *start;
    size_t size;
};

static struct piece pieces[PIECES];

static void fill(struct piece *piece)
{
    pattern_fill(piece->start, piece->size, (uint64_t)(uintptr_t)piece->start);
}

static bool holds(const struct piece *piece)
{
    return pattern_holds(piece->start, piece->size, (uint64_t)(uintptr_t)piece->start);
}

static void give(struct piece *piece)
{
    CHECK(holds(piece));
    meta_free(piece->start, piece->size);
    piece->start = NULL;
}

static void take(struct piece *piece, size_t size)
{
    piece->size = size;
    piece->start = meta_alloc(size);
    CHECK(piece->start != NULL);
    CHECK_EQ((uintptr_t)piece->start % (align_up(size, 64) % META_PAGE ? 64 : META_PAGE), 0);
    CHECK(unit_is_zero(piece->start, size));
    fill(piece);
}

static void random_pieces(void)
{
    uint64_t random = 1;
    size_t used = 0;
    for (unsigned step = 0; step < 20000; step++) {
        struct piece *piece = &pieces[unit_random(&random, PIECES)];
        if (piece->start) {
            used -= align_up(piece->size, 64);
            give(piece);
        } else {
            /* mostly small: pieces of one size come back to that size only */
            unsigned limit = step % 4 ? 256 : META_FREE_MAX;
            take(piece, 1 + unit_random(&random, limit / 64) * 64);
            used += align_up(piece->size, 64);
        }
        CHECK_EQ(meta_used_bytes(), used);
    }
    for (unsigned i = 0; i < PIECES; i++)
        if (pieces[i].start)
            give(&pieces[i]);
    CHECK_EQ(meta_used_bytes(), 0);
}

static void random_mapped(void)
{
    meta_init(os_reserve(8 * MIB), 8 * MIB, true);
    random_pieces();
}

static void random_in_steps(void)
{
    meta_init(os_find_room(8 * MIB), 8 * MIB, false);
    random_pieces();
}

/* The same size comes back where it was, zeroed. */
static void reuse(void)
{
    meta_init(os_reserve(ARENA), ARENA, true);
    for (size_t size = 64; size <= META_FREE_MAX; size += 64) {
        void *first = meta_alloc(size);
        memset(first, 1, size);
        meta_free(first, size - 63);
        unsigned char *second = meta_alloc(size);
        CHECK(second == first);
        CHECK(unit_is_zero(second, size));
    }
}

/* To the last byte, and then NULL without a change. */
static void exhaustion(void)
{
    meta_init(os_reserve(ARENA), ARENA, true);
    CHECK(meta_alloc(ARENA + 1) == NULL);
    CHECK_EQ(meta_used_bytes(), 0);
    char *big = meta_alloc(ARENA - 4096);
    memset(big, 1, ARENA - 4096);
    void *last = meta_alloc(4096);
    CHECK(last != NULL);
    CHECK(meta_alloc(1) == NULL);
    CHECK_EQ(meta_used_bytes(), ARENA);
    meta_free(last, 4096);
    CHECK(meta_alloc(4096) == last);
}

static bool fail_map(enum os_call call)
{
    errno = ENOMEM;
    return call == OS_CALL_MAP;
}

/* No memory for the next step now, but later; and a step that somebody else's mapping occupies. */
static void steps_fail(void)
{
    char *start = os_find_room(ARENA);
    meta_init(start, ARENA, false);
    CHECK(meta_alloc(64) == start);
    CHECK_EQ(unit_present_pages(start + META_STEP, META_STEP), -1);
    os_inject_failure = fail_map;
    size_t taken = 1;
    while (meta_alloc(4096))
        taken++;
    CHECK_EQ(taken, META_STEP / 4096);
    CHECK(meta_alloc(64) != NULL);
    os_inject_failure = NULL;
    CHECK(meta_alloc(4096) != NULL);
    char *foreign = start + 2 * META_STEP;
    CHECK(os_map_at(foreign, 4096) == OS_MAP_DONE);
    memset(foreign, 5, 4096);
    while (meta_alloc(4096))
        taken++;
    CHECK(taken < 2 * META_STEP / 4096);
    CHECK_EQ(foreign[0], 5);
    CHECK_EQ(foreign[4095], 5);
}

static void *exchange(void *number)
{
    struct piece own[32] = {{NULL, 0}};
    uint64_t random = (uintptr_t)number;
    for (unsigned step = 0; step < 4000; step++) {
        struct piece *piece = &own[unit_random(&random, 32)];
        if (piece->start)
            give(piece);
        else
            take(piece, 1 + unit_random(&random, 1000));
    }
    for (unsigned i = 0; i < 32; i++)
        if (own[i].start)
            give(&own[i]);
    return NULL;
}

static void threads(void)
{
    meta_init(os_reserve(8 * MIB), 8 * MIB, true);
    unit_run_threads(exchange);
    CHECK_EQ(meta_used_bytes(), 0);
}

static void test_random(void **state)
{
    (void)state;
    CHECK_CHILD(random_mapped);
    CHECK_CHILD(random_in_steps);
}

static void test_reuse(void **state)
{
    (void)state;
    CHECK_CHILD(reuse);
}

static void test_exhaustion(void **state)
{
    (void)state;
    CHECK_CHILD(exhaustion);
}

static void test_steps_fail(void **state)
{
    (void)state;
    CHECK_CHILD(steps_fail);
}

static void test_threads(void **state)
{
    (void)state;
    CHECK_CHILD(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),     cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_exhaustion), cmocka_unit_test(test_steps_fail),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
