/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/superslab.c: ranges of superslabs, with address space rationed and not, against a
 * model: where the next range must be (first fit), what may be extended, and whether what is said
 * to be zero is. Each test is a child, for there is one reservation in a process's life.
 */
#include "unit/slab_layer.h"

#include "slab/purge.h"
#include "slab/slab_check.h"
#include "slab/superslab.h"

#define MODEL 96 /* superslabs looked at, from the first that lanes may have */
#define RANGES 12

/* Purpose: a range that the test holds; its first `used` bytes have been written to. */
struct range {
    char *start;
    size_t count;
    size_t used;
};

static size_t first_index;
static bool taken[2 * MODEL];
static struct range ranges[RANGES];

static void make(void)
{
    make_reservation();
    first_index = space.frontier;
}

static size_t index_of(const char *start)
{
    return (size_t)(start - space.base) / SUPERSLAB_SIZE - first_index;
}

static void set_taken(size_t index, size_t count, bool is_taken)
{
    for (size_t i = index; i < index + count; i++) {
        CHECK(taken[i] != is_taken);
        taken[i] = is_taken;
    }
}

static bool is_free(size_t index, size_t count)
{
    for (size_t i = index; i < index + count; i++)
        if (taken[i])
            return false;
    return true;
}

/* A word at each slab's start and one inside: enough to see what is where, at few page faults. */
static void mark(const struct range *range, uint64_t value)
{
    for (size_t at = 0; at < range->used; at += SLAB_SIZE)
        *(uint64_t *)(range->start + at) = value ? value + at : 0;
}

static bool is_marked(const struct range *range, size_t size, uint64_t value)
{
    for (size_t at = 0; at < size; at += SLAB_SIZE)
        if (*(uint64_t *)(range->start + at) != (value ? value + at : 0))
            return false;
    return true;
}

static uint64_t value_of(const struct range *range)
{
    return (uint64_t)(uintptr_t)range->start;
}

static void use(struct range *range, uint64_t *random)
{
    size_t slabs = range->count * SLABS_PER_SUPERSLAB;
    size_t more = unit_random(random, (unsigned)slabs + 1) * SLAB_SIZE;
    range->used = max_size(range->used, more);
    mark(range, value_of(range));
}

static void take(struct range *range, size_t count, uint64_t *random)
{
    bool is_zero;
    size_t expected = 0;
    while (!is_free(expected, count))
        expected++;
    range->start = superslab_range_take(count, &is_zero);
    range->count = count;
    range->used = 0;
    CHECK(range->start != NULL);
    CHECK_EQ(index_of(range->start), expected);
    set_taken(expected, count, true);
    bool wants_zero = unit_random(random, 2);
    if (!is_zero && wants_zero)
        superslab_range_zero(range->start, count << SUPERSLAB_SHIFT);
    CHECK(!(is_zero || wants_zero) || is_marked(range, count * SUPERSLAB_SIZE, 0));
    if (unit_random(random, 3))
        use(range, random);
}

static void extend(struct range *range, size_t more, uint64_t *random)
{
    size_t index = index_of(range->start);
    bool is_room = is_free(index + range->count, more);
    CHECK_EQ(superslab_range_extend(range->start, range->count, range->count + more), is_room);
    CHECK(is_marked(range, range->used, value_of(range)));
    if (!is_room)
        return;
    set_taken(index + range->count, more, true);
    range->count += more;
    /* what has come may have pages of former days: only what is written from here on counts */
    range->used = range->count * SUPERSLAB_SIZE;
    use(range, random);
}

static void give(struct range *range, uint64_t *random)
{
    CHECK(is_marked(range, range->used, value_of(range)));
    set_taken(index_of(range->start), range->count, false);
    if (unit_random(random, 4) == 0) {
        CHECK(os_purge(range->start, range->count * SUPERSLAB_SIZE));
        superslab_range_give_cold(range->start, range->count);
    } else {
        superslab_range_give(range->start, range->count, range->used);
    }
    range->start = NULL;
}

static void ranges_at_random(void)
{
    uint64_t random = 11;
    make();
    for (unsigned step = 0; step < 300; step++) {
        struct range *range = &ranges[unit_random(&random, RANGES)];
        size_t count = 1 + unit_random(&random, 4);
        if (!range->start)
            take(range, count, &random);
        else if (unit_random(&random, 3) == 0)
            extend(range, count, &random);
        else
            give(range, &random);
        if (step % 25 == 0)
            purge_warm();
        CHECK_EQ(slab_check(), 0);
    }
    for (unsigned i = 0; i < RANGES; i++)
        if (ranges[i].start)
            give(&ranges[i], &random);
    purge_warm();
    CHECK_EQ(slab_check(), 0);
    struct slab_figures figures;
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
    CHECK_EQ(figures.warm_bytes, 0);
}

static void bounds(void)
{
    bool is_zero;
    make();
    size_t all = space.count - first_index;
    CHECK_EQ(reservation_bytes(), all * SUPERSLAB_SIZE);
    CHECK(superslab_range_take(SIZE_MAX, &is_zero) == NULL);
    CHECK(superslab_range_take(space.count, &is_zero) == NULL);
    CHECK(superslab_range_take(all + 1, &is_zero) == NULL);
    char *start = superslab_range_take(1, &is_zero);
    CHECK(start != NULL && is_zero);
    CHECK_EQ((uintptr_t)start % SUPERSLAB_SIZE, 0);
    CHECK(!superslab_range_extend(start, 1, all + 1));
    superslab_range_give(start, 1, 0);
    if (!is_rationed) {
        start = superslab_range_take(all, &is_zero);
        CHECK(start != NULL && is_zero);
        CHECK(superslab_range_take(1, &is_zero) == NULL);
        superslab_range_give(start, all, 0);
    }
    CHECK_EQ(slab_check(), 0);
}

/* Where address space is rationed, a superslab that is given back is unmapped, and reads as zero
 * when it is taken again. */
static void unmapping(void)
{
    bool is_zero;
    make();
    char *start = superslab_range_take(3, &is_zero);
    memset(start, 1, SLAB_SIZE);
    superslab_range_give(start, 3, SLAB_SIZE);
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ(unit_present_pages(start + i * SUPERSLAB_SIZE, SLAB_SIZE), -1);
    CHECK_EQ(purge_warm(), 0);
    CHECK(superslab_range_take(3, &is_zero) == start);
    CHECK(is_zero && unit_is_zero(start, SLAB_SIZE));
    CHECK_EQ(slab_check(), 0);
}

/* ---- other people's mappings in the window ---- */

#define FOREIGN_BYTES (8 * KIB)

static char *put_foreign(size_t index)
{
    char *start = space.base + ((first_index + index) << SUPERSLAB_SHIFT) + MIB;
    CHECK(os_map_at(start, FOREIGN_BYTES) == OS_MAP_DONE);
    pattern_fill(start, FOREIGN_BYTES, index);
    taken[index] = true;
    return start;
}

static void collisions(void)
{
    static const size_t places[] = {1, 2, 7, 20};
    char *foreign[4];
    uint64_t random = 3;
    make();
    for (size_t i = 0; i < 4; i++)
        foreign[i] = put_foreign(places[i]);
    for (unsigned i = 0; i < RANGES; i++) {
        /* not by first fit: a try that met a mapping raises the frontier behind it */
        bool is_zero;
        struct range *range = &ranges[i];
        range->count = 1 + i % 4;
        range->start = superslab_range_take(range->count, &is_zero);
        CHECK(range->start != NULL);
        set_taken(index_of(range->start), range->count, true);
        use(range, &random);
        CHECK_EQ(slab_check(), 0);
    }
    for (size_t i = 0; i < 4; i++)
        CHECK(pattern_holds(foreign[i], FOREIGN_BYTES, places[i]));
    for (unsigned i = 0; i < RANGES; i++)
        give(&ranges[i], &random);
    purge_warm();
    CHECK_EQ(slab_check(), 0);
    for (size_t i = 0; i < 4; i++)
        CHECK(pattern_holds(foreign[i], FOREIGN_BYTES, places[i]));
}

/* A range cannot grow into somebody's mapping, and nobody gets that superslab afterwards. */
static void extension_collides(void)
{
    bool is_zero;
    make();
    char *start = superslab_range_take(2, &is_zero);
    char *foreign = put_foreign(3);
    CHECK(!superslab_range_extend(start, 2, 4));
    CHECK_EQ(slab_check(), 0);
    for (size_t count = 1; count < 6; count++) {
        char *other = superslab_range_take(count, &is_zero);
        CHECK(other != NULL);
        CHECK(other > foreign || other + count * SUPERSLAB_SIZE <= foreign - MIB);
        memset(other, 1, count * SUPERSLAB_SIZE);
        CHECK_EQ(slab_check(), 0);
    }
    CHECK(pattern_holds(foreign, FOREIGN_BYTES, 3));
}

/* ---- a kernel that refuses ---- */

static bool fail_all(enum os_call call)
{
    (void)call;
    errno = ENOMEM;
    return true;
}

static unsigned succeeding_calls;

static bool fail_later(enum os_call call)
{
    errno = ENOMEM;
    return call == OS_CALL_MAP && succeeding_calls-- == 0;
}

static void mapping_fails(void)
{
    bool is_zero;
    make();
    char *start = superslab_range_take(2, &is_zero);
    os_inject_failure = fail_all;
    CHECK(superslab_range_take(1, &is_zero) == NULL);
    CHECK(!superslab_range_extend(start, 2, 3));
    CHECK_EQ(slab_check(), 0);
    /* what has been mapped when a later superslab cannot be is unmapped again */
    for (unsigned succeeding = 0; succeeding < 4; succeeding++) {
        succeeding_calls = succeeding;
        os_inject_failure = fail_later;
        CHECK(superslab_range_take(4, &is_zero) == NULL);
        CHECK_EQ(unit_present_pages(start + 2 * SUPERSLAB_SIZE, SUPERSLAB_SIZE), -1);
        CHECK_EQ(slab_check(), 0);
    }
    os_inject_failure = NULL;
    CHECK(superslab_range_extend(start, 2, 3));
    CHECK(superslab_range_take(4, &is_zero) == start + 3 * SUPERSLAB_SIZE);
    CHECK_EQ(slab_check(), 0);
}

static void test_ranges(void **state)
{
    (void)state;
    CHECK_BOTH_WAYS(ranges_at_random);
}

static void test_bounds(void **state)
{
    (void)state;
    CHECK_BOTH_WAYS(bounds);
}

static void test_rationed(void **state)
{
    (void)state;
    is_rationed = true;
    CHECK_CHILD(unmapping);
    CHECK_CHILD(collisions);
    CHECK_CHILD(extension_collides);
    CHECK_CHILD(mapping_fails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_rationed),

    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
