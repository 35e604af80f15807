/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/huge.c: blocks taken, resized and given at random with patterns and figures; growth
 * in place and by moving pages, and each way in which the kernel can refuse; alignment; zero.
 */
#include "unit/unit.h"

#include "lane/lane.h"
#include "slab/space.h"
#include "slab/superslab.h"

#define BLOCKS 10

/* Purpose: a block that the test holds, with the sparse pattern of its size and seed. */
struct held {
    char *block;
    size_t size;
    uint64_t seed;
};

static struct held held[BLOCKS];

static void make(void)
{
    settings.decay_ms = -1;
    CHECK(reservation_make());
}

static size_t pages_of(size_t size)
{
    return align_up(size, os_page_size());
}

static unsigned map_byte(const char *block)
{
    return slab_map_get(reservation_get(), reservation_offset(reservation_get(), block));
}

static void fill(struct held *one)
{
    pattern_fill_sparse(one->block, one->size, ++one->seed);
}

static bool holds(const struct held *one, size_t prefix)
{
    return pattern_sparse_holds(one->block, one->size, prefix, one->seed);
}

/* Words spread as the patterns are, and each slab's first. */
static bool seems_zero(const char *block, size_t size)
{
    for (size_t at = 0; at + 64 <= size; at += SLAB_SIZE)
        if (!unit_is_zero(block + at, 64))
            return false;
    return unit_is_zero(block + size - min_size(size, PATTERN_EDGE), min_size(size, PATTERN_EDGE));
}

static void take(struct held *one, size_t size, size_t alignment)
{
    bool is_zero;
    one->block = huge_take(size, alignment, NULL, &is_zero);
    one->size = size;
    CHECK(one->block != NULL);
    CHECK_EQ((uintptr_t)one->block % max_size(alignment, SUPERSLAB_SIZE), 0);
    CHECK_EQ(map_byte(one->block), CLASS_HUGE);
    CHECK_EQ(slab_find(one->block)->size, pages_of(size));
    if (!is_zero)
        huge_zero(one->block);
    CHECK(seems_zero(one->block, size));
    fill(one);
}

static void give(struct held *one)
{
    CHECK(holds(one, SIZE_MAX));
    huge_give(one->block);
    CHECK_EQ(map_byte(one->block), CLASS_NONE);
    one->block = NULL;
}

/* True when the block has moved. */
static bool resize(struct held *one, size_t size)
{
    char *old = one->block;
    char *block = huge_resize(old, size);
    if (!block) {
        CHECK(holds(one, SIZE_MAX));
        return false;
    }
    one->block = block;
    CHECK(holds(one, size));
    /* what grows by little may get a 32nd more */
    size_t usable = slab_find(block)->size;
    CHECK(usable >= pages_of(size) && usable <= pages_of(size + size / 32));
    CHECK_EQ(map_byte(block), CLASS_HUGE);
    CHECK(block == old || map_byte(old) == CLASS_NONE);
    one->size = size;
    fill(one);
    return block != old;
}

static void check_figures(void)
{
    size_t blocks = 0;
    size_t bytes = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        if (held[i].block) {
            blocks++;
            bytes += slab_find(held[i].block)->size;
        }
    CHECK_EQ(span_traffic(CLASS_HUGE).refilled - span_traffic(CLASS_HUGE).flushed, blocks);
    CHECK_EQ(huge_bytes, bytes);
    CHECK_EQ(slab_check(), 0);
}

static bool random_failures;
static uint64_t failure_random = 77;

/* Never two in a row: a range whose move and whose restoring both fail may be lost. */
static bool fail_at_random(enum os_call call)
{
    static bool has_failed;
    errno = ENOMEM;
    has_failed = random_failures && !has_failed && call != OS_CALL_RESERVE &&
                 unit_random(&failure_random, 3) == 0;
    return has_failed;
}

static void at_random(void)
{
    uint64_t random = 41;
    unsigned moved = 0;
    make();
    os_inject_failure = fail_at_random;
    for (unsigned step = 0; step < 500; step++) {
        struct held *one = &held[unit_random(&random, BLOCKS)];
        size_t size = LANE_HUGE_MIN + random_next(&random) % (9 * MIB);
        random_failures = step >= 250;
        if (!one->block)
            take(one, size, unit_random(&random, 4) ? BLOCK_ALIGN : 8 * MIB);
        else if (unit_random(&random, 3) > 0)
            moved += resize(one, size);
        else
            give(one);
        check_figures();
        if (step % 50 == 0)
            purge_warm();
    }
    CHECK(moved > 20);
    os_inject_failure = NULL;
    for (unsigned i = 0; i < BLOCKS; i++)
        if (held[i].block)
            give(&held[i]);
    check_figures();
    purge_warm();
    struct slab_figures figures;
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
}

static void alignment(void)
{
    make();
    for (size_t bytes = BLOCK_ALIGN; bytes <= GIB; bytes *= 2) {
        take(&held[0], 3 * MIB, bytes);
        take(&held[1], 1, bytes);
        check_figures();
        give(&held[0]);
        give(&held[1]);
        check_figures();
    }
    bool is_zero;
    CHECK(huge_take(MIB, reservation_bytes() * 2, NULL, &is_zero) == NULL);
    check_figures();
}

static void impossible_sizes(void)
{
    bool is_zero;
    make();
    static const size_t sizes[] = {SIZE_MAX, PTRDIFF_MAX, (size_t)1 << 46, SIZE_MAX - 4095};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CHECK_EQ(huge_good_size(sizes[i]), 0);
        CHECK(huge_take(sizes[i], BLOCK_ALIGN, NULL, &is_zero) == NULL);
    }
    CHECK_EQ(huge_good_size(LANE_HUGE_MIN), pages_of(LANE_HUGE_MIN));
    CHECK_EQ(huge_good_size(4 * MIB), 4 * MIB);
    take(&held[0], 3 * MIB, BLOCK_ALIGN);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        CHECK(huge_resize(held[0].block, sizes[i]) == NULL);
    check_figures();
    give(&held[0]);
}

/* ---- growth and shrinking ---- */

static size_t warm_bytes(void)
{
    struct slab_figures figures;
    CHECK_EQ(slab_check(), 0);
    slab_count(&figures);
    return figures.warm_bytes;
}

static void in_place(void)
{
    make();
    take(&held[0], 3 * MIB, BLOCK_ALIGN);
    char *start = held[0].block;
    CHECK(!resize(&held[0], 4 * MIB));  /* same superslabs */
    CHECK(!resize(&held[0], 11 * MIB)); /* those behind it */
    memset(start, 1, 11 * MIB);
    fill(&held[0]);
    CHECK(!resize(&held[0], 5 * MIB)); /* 3 superslabs stay: 5 warm MiB of 3 come back */
    CHECK(held[0].block == start);
    CHECK_EQ(warm_bytes(), 5 * MIB);
    CHECK_EQ(unit_present_pages(start + 5 * MIB, MIB), 0);
    take(&held[1], 3 * MIB, BLOCK_ALIGN);
    CHECK(held[1].block == start + 6 * MIB);
    check_figures();
    give(&held[0]);
    give(&held[1]);
    check_figures();
}

/* The next superslab is another's: pages move, nothing is copied, and the old place is cold. */
static void by_moving(void)
{
    unsigned moves = 0;
    make();
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    for (unsigned i = 1; i <= 4; i++) {
        take(&held[i], 3 * MIB, BLOCK_ALIGN);
        char *old = held[0].block;
        size_t old_size = held[0].size;
        memset(old, 1, old_size);
        fill(&held[0]);
        if (!resize(&held[0], old_size * 2))
            continue; /* first fit had put the obstacle elsewhere */
        moves++;
        CHECK_EQ(unit_present_pages(old, old_size), 0);
        CHECK(unit_present_pages(held[0].block, old_size) == (long)(old_size / os_page_size()));
        check_figures();
    }
    CHECK(moves >= 2);
    for (unsigned i = 0; i <= 4; i++)
        give(&held[i]);
    check_figures();
    take(&held[0], 40 * MIB, BLOCK_ALIGN); /* over all the places of before */
    give(&held[0]);
    check_figures();
}

static enum os_call refused;
static unsigned refusals;

static bool fail_one_kind(enum os_call call)
{
    errno = ENOMEM;
    refusals += call == refused;
    return call == refused;
}

static bool fail_move_and_remap(enum os_call call)
{
    return call == OS_CALL_MOVE || call == OS_CALL_REMAP;
}

/* Both: the target's mapping is gone for good, the block is where it was. */
static void refused_both(void)
{
    make();
    os_inject_failure = fail_move_and_remap;
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    take(&held[1], 3 * MIB, BLOCK_ALIGN);
    char *old = held[0].block;
    CHECK(!resize(&held[0], 8 * MIB));
    CHECK(held[0].block == old);
    check_figures();
    os_inject_failure = NULL;
    CHECK(resize(&held[0], 8 * MIB));
    give(&held[0]);
    give(&held[1]);
    check_figures();
}

static unsigned moves;

static bool fail_second_move_and_remap(enum os_call call)
{
    return call == OS_CALL_REMAP || (call == OS_CALL_MOVE && moves++ == 1);
}

/* Half way: of the target only the superslab without a mapping is lost, and no pages. */
static void refused_half_way(void)
{
    make();
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    take(&held[1], 4 * MIB, BLOCK_ALIGN);
    char *target = held[1].block + 4 * MIB;
    size_t claimed = space.claimed;
    os_inject_failure = fail_second_move_and_remap;
    CHECK(!resize(&held[0], 8 * MIB));
    os_inject_failure = NULL;
    CHECK_EQ(moves, 2);
    CHECK_EQ(space.claimed, claimed);
    CHECK_EQ(unit_present_pages(target, SUPERSLAB_SIZE), SUPERSLAB_SIZE / os_page_size());
    CHECK(purge_warm() >= SUPERSLAB_SIZE);
    CHECK_EQ(unit_present_pages(target, SUPERSLAB_SIZE), 0);
    check_figures();
    take(&held[2], 4 * MIB, BLOCK_ALIGN);
    CHECK(held[2].block == target + 2 * SUPERSLAB_SIZE);
    for (unsigned i = 0; i <= 2; i++)
        give(&held[i]);
    check_figures();
}

/* MOVE: the pages are copied. REMAP: the moved block's place is used again as it is. */
static void refused_move_and_remap(void)
{
    make();
    os_inject_failure = fail_one_kind;
    refused = OS_CALL_MOVE;
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    take(&held[1], 3 * MIB, BLOCK_ALIGN);
    char *old = held[0].block;
    CHECK(resize(&held[0], 8 * MIB));
    CHECK(held[0].block != old && refusals == 2);
    check_figures();
    refused = OS_CALL_REMAP;
    refusals = 0;
    give(&held[0]);
    CHECK(warm_bytes() >= 8 * MIB);
    take(&held[2], 12 * MIB, BLOCK_ALIGN);
    check_figures();
    give(&held[1]);
    give(&held[2]);
    CHECK(purge_warm() >= 12 * MIB);
    check_figures();
}

/* The mapping of pages that were moved lasts until they are purged, and is one with the others
 * again then. */
static void moved_pages(void)
{
    make();
    size_t before = space.seams;
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    take(&held[1], 3 * MIB, BLOCK_ALIGN);
    CHECK(resize(&held[0], 8 * MIB));
    CHECK_EQ(space.seams, before + 2);
    give(&held[0]);
    give(&held[1]);
    CHECK_EQ(space.seams, before + 2);
    CHECK(warm_bytes() >= 8 * MIB);
    os_inject_failure = fail_one_kind;
    refused = OS_CALL_REMAP;
    refusals = 0;
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    give(&held[0]);
    CHECK(purge_warm() >= 8 * MIB);
    CHECK(refusals >= 1);
    CHECK_EQ(space.seams, before + 2);
    refused = OS_CALL_MAP; /* of which there is none here */
    take(&held[0], 16 * MIB, BLOCK_ALIGN);
    give(&held[0]);
    CHECK(purge_warm() >= 16 * MIB);
    CHECK_EQ(space.seams, 0);
    check_figures();
}

/* Beyond so many mappings pages are copied: what was written, and into a range that had pages. */
static void too_many_mappings(void)
{
    make();
    take(&held[2], 12 * MIB, BLOCK_ALIGN);
    memset(held[2].block, 1, 12 * MIB);
    fill(&held[2]);
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    take(&held[1], 3 * MIB, BLOCK_ALIGN);
    char *old = held[0].block;
    memset(old, 0, 2 * MIB);
    fill(&held[0]);
    long present = unit_present_pages(old, 4 * MIB);
    give(&held[2]);
    space.seams += 10000;
    CHECK(resize(&held[0], 8 * MIB));
    CHECK_EQ(space.seams, 10000);
    CHECK(held[0].block < old);
    CHECK(unit_present_pages(held[0].block, 4 * MIB) < present);
    CHECK_EQ(unit_present_pages(old, 4 * MIB), 0);
    old = held[0].block;
    give(&held[0]);
    /* nor is what lay behind the block, in its last superslab, said to be zero */
    bool is_zero;
    CHECK(huge_take(3 * MIB, BLOCK_ALIGN, NULL, &is_zero) == old);
    memset(old, 1, 4 * MIB);
    CHECK(superslab_range_take(1, &is_zero) == old + 4 * MIB);
    huge_give(huge_resize(old, 8 * MIB));
    space.seams = 0;
    CHECK(superslab_range_take(2, &is_zero) == old);
    CHECK(!is_zero || unit_is_zero(old, 4 * MIB));
    give(&held[1]);
    check_figures();
}

/* Pages that the kernel did not take back when a block shrank are never said to be zero. */
static void refused_purge(void)
{
    make();
    for (unsigned i = 0; i < 2; i++) {
        take(&held[0], 6 * MIB, BLOCK_ALIGN);
        memset(held[0].block, 1, 6 * MIB);
        fill(&held[0]);
        os_inject_failure = fail_one_kind;
        refused = OS_CALL_PURGE;
        refusals = 0;
        resize(&held[0], LANE_HUGE_MIN + i * 3 * MIB / 2);
        CHECK_EQ(refusals, 1);
        os_inject_failure = NULL;
        give(&held[0]);
        bool is_zero;
        for (unsigned run = 0; run < 3; run++) {
            struct slab *slab = slab_run_take(32, &is_zero);
            CHECK(!is_zero || unit_is_zero(slab->start, SUPERSLAB_SIZE));
        }
        check_figures();
    }
}

/* As a memory-locking program meets it. */
static void locked_pages(void)
{
    make();
    take(&held[0], 4 * MIB, BLOCK_ALIGN);
    memset(held[0].block, 1, 4 * MIB);
    fill(&held[0]);
    if (mlock(held[0].block + 3 * MIB, MIB) != 0)
        return; /* not allowed here */
    resize(&held[0], LANE_HUGE_MIN);
    give(&held[0]);
    for (unsigned i = 0; i < 64; i++) {
        bool is_zero;
        struct slab *slab = slab_run_take(1, &is_zero);
        CHECK(!is_zero || unit_is_zero(slab->start, SLAB_SIZE));
    }
}

static void lists(void)
{
    struct span_list list = {.first = NULL};
    bool is_zero;
    make();
    char *block = huge_take(4 * MIB, BLOCK_ALIGN, &list, &is_zero);
    take(&held[0], 3 * MIB, BLOCK_ALIGN);
    CHECK_EQ(map_byte(block), CLASS_OWNED);
    CHECK(list.first == slab_find(block));
    char *moved = huge_resize(block, 9 * MIB);
    CHECK(moved != NULL && moved != block);
    CHECK_EQ(map_byte(moved), CLASS_OWNED);
    CHECK(list.first == slab_find(moved) && list.first->next == NULL);
    huge_give(moved);
    CHECK(list.first == NULL);
    check_figures();
}

CHILD_TEST(at_random)
CHILD_TEST(alignment)
CHILD_TEST(impossible_sizes)
CHILD_TEST(in_place)
CHILD_TEST(by_moving)
CHILD_TEST(refused_both)
CHILD_TEST(refused_half_way)
CHILD_TEST(refused_move_and_remap)
CHILD_TEST(moved_pages)
CHILD_TEST(too_many_mappings)
CHILD_TEST(refused_purge)
CHILD_TEST(locked_pages)
CHILD_TEST(lists)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_random),         cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_impossible_sizes),  cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_by_moving),         cmocka_unit_test(test_refused_both),
        cmocka_unit_test(test_refused_half_way),  cmocka_unit_test(test_refused_move_and_remap),
        cmocka_unit_test(test_moved_pages),       cmocka_unit_test(test_refused_purge),
        cmocka_unit_test(test_locked_pages),      cmocka_unit_test(test_lists),
        cmocka_unit_test(test_too_many_mappings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
