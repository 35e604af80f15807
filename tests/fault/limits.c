/* SPDX-License-Identifier: MIT */
/*
 * Real limits of the system: RLIMIT_AS and RLIMIT_DATA set before the program starts (it is
 * executed anew for each case), or while it runs. Until NULL and ENOMEM; then half is freed, more
 * is had, and the heap is sound. Skipped with the sanitizers: their mappings are far beyond such
 * limits.
 */
#include "unit/unit.h"

#include "slab/space.h"

#include "hakmem/hakmem.h"

#include <sys/resource.h>

#define HELD_MAX 40000

/* Purpose: a block that the test holds, with the sparse pattern of its size and number. */
struct held {
    char *block;
    size_t size;
};

static struct held held[HELD_MAX];

static void fill(unsigned index)
{
    pattern_fill_sparse(held[index].block, held[index].size, index);
}

static void check_filled(unsigned index)
{
    CHECK(pattern_sparse_holds(held[index].block, held[index].size, SIZE_MAX, index));
}

/* All lanes, most of the memory in the larger blocks. */
static size_t size_for(uint64_t *random)
{
    switch (unit_random(random, 8)) {
    case 0: return LANE_HUGE_MIN + random_next(random) % (4 * MIB);
    case 1: return LANE_ACE_MIN + random_next(random) % (LANE_ACE_MAX - LANE_ACE_MIN);
    case 2: return LANE_POOL_MIN + random_next(random) % (LANE_POOL_MAX - LANE_POOL_MIN);
    default: return 1 + unit_random(random, LANE_TINY_MAX);
    }
}

static unsigned allocate_until_null(unsigned from, uint64_t *random)
{
    unsigned count = from;
    for (; count < HELD_MAX; count++) {
        held[count].size = size_for(random);
        errno = 0;
        held[count].block = hak_malloc(held[count].size);
        if (!held[count].block) {
            CHECK_EQ(errno, ENOMEM);
            break;
        }
        CHECK_EQ(errno, 0);
        fill(count);
    }
    CHECK(count < HELD_MAX);
    return count;
}

static uint64_t live_bytes(void)
{
    struct hak_stats stats;
    uint64_t live = 0;
    hak_stats(&stats, sizeof(stats));
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        live += stats.lane[lane].live_bytes;
    return live;
}

/* Each second block goes: holes everywhere, of which the next blocks must make use. */
static unsigned free_half(unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        check_filled(i);
        if (i % 2) {
            hak_free(held[i].block);
            continue;
        }
        held[kept] = held[i];
        fill(kept++);
    }
    return kept;
}

static void set_soft_limits(rlim_t soft)
{
    static const int kinds[] = {RLIMIT_AS, RLIMIT_DATA};
    for (size_t i = 0; i < 2; i++) {
        struct rlimit limit;
        CHECK_EQ(getrlimit((__rlimit_resource_t)kinds[i], &limit), 0);
        limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
        CHECK_EQ(setrlimit((__rlimit_resource_t)kinds[i], &limit), 0);
    }
}

/* The limit falls below what the program has, and rises again: no call succeeds meanwhile that maps
 * anything; what is there is of use all the time. */
static void check_lowered(uint64_t *random)
{
    unsigned count = 0;
    for (; count < 20; count++) {
        held[count].size = size_for(random);
        held[count].block = hak_malloc(held[count].size);
        CHECK(held[count].block != NULL);
        fill(count);
    }
    set_soft_limits(MIB);
    unsigned all = allocate_until_null(count, random);
    CHECK_EQ(hak_check(), 0);
    for (unsigned i = 0; i < all; i++) {
        check_filled(i);
        hak_free(held[i].block);
    }
    hak_trim();
    CHECK(hak_malloc(20 * MIB) == NULL);
    CHECK_EQ(hak_check(), 0);
    CHECK_EQ(live_bytes(), 0);
    set_soft_limits(RLIM_INFINITY);
}

static int exhaust(size_t limit)
{
    uint64_t random = 5;
    CHECK_EQ(space.is_rationed, true);
    uint64_t most = 0;
    for (unsigned round = 0; round < 3; round++) {
        unsigned count = allocate_until_null(0, &random);
        CHECK_EQ(hak_check(), 0);
        uint64_t live = live_bytes();
        most = live > most ? live : most;
        CHECK(live > limit / 2 && live < limit);
        unsigned kept = free_half(count);
        CHECK(live_bytes() < live * 3 / 4);
        count = allocate_until_null(kept, &random);
        CHECK_EQ(hak_check(), 0);
        CHECK(live_bytes() > limit / 3);
        for (unsigned i = 0; i < count; i++) {
            check_filled(i);
            hak_free(held[i].block);
        }
        CHECK_EQ(live_bytes(), 0);
    }
    check_lowered(&random);
    /* nothing was lost: one block as large as nearly all of it */
    hak_trim();
    char *block = hak_malloc(most * 3 / 4);
    CHECK(block != NULL);
    hak_free(block);
    CHECK_EQ(hak_check(), 0);
    return 0;
}

/* ---- a second life under a limit ---- */

static int limit_kind;
static size_t limit_bytes;

static void become_second_life(void)
{
    char bytes[32];
    struct rlimit limit = {limit_bytes, limit_bytes};
    snprintf(bytes, sizeof(bytes), "%zu", limit_bytes);
    if (setrlimit((__rlimit_resource_t)limit_kind, &limit) == 0)
        execl("/proc/self/exe", "limits", bytes, (char *)NULL);
    _exit(2);
}

static void exhaust_under(int kind)
{
    limit_kind = kind;
    for (limit_bytes = 64 * MIB; limit_bytes <= 512 * MIB; limit_bytes *= 2)
        CHECK_CHILD(become_second_life);
}

static void test_address_space(void **state)
{
    (void)state;
    exhaust_under(RLIMIT_AS);
}

static void test_data(void **state)
{
    (void)state;
    exhaust_under(RLIMIT_DATA);
}

/* ---- a limit that comes while the program runs ---- */

static void limit_now(int kind, size_t bytes)
{
    struct rlimit limit = {bytes, RLIM_INFINITY};
    CHECK_EQ(setrlimit((__rlimit_resource_t)kind, &limit), 0);
}

static void resize_with_obstacle(void)
{
    char *block = hak_malloc(4 * MIB);
    char *obstacle = hak_malloc(3 * MIB);
    CHECK(block != NULL && obstacle != NULL);
    pattern_fill_sparse(block, 4 * MIB, 1);
    pattern_fill_sparse(obstacle, 3 * MIB, 2);
    char *resized = hak_realloc(block, 9 * MIB);
    if (resized) {
        memset(resized + 4 * MIB, 1, 5 * MIB);
        block = resized;
    }
    CHECK(pattern_sparse_holds(block, 4 * MIB, SIZE_MAX, 1));
    CHECK(pattern_sparse_holds(obstacle, 3 * MIB, SIZE_MAX, 2));
    hak_free(block);
    hak_free(obstacle);
    CHECK_EQ(hak_check(), 0);
    for (unsigned i = 0; i < 4; i++) {
        block = hak_calloc(1, 5 * MIB);
        CHECK(!block || unit_is_zero(block, 5 * MIB));
        if (block)
            memset(block, 1, 5 * MIB);
    }
    CHECK_EQ(hak_check(), 0);
}

/* The reservation is there, but no call that counts anew as address space or data succeeds. */
static void limited_later(void)
{
    hak_free(hak_malloc(100));
    limit_now(limit_kind, GIB);
    for (unsigned i = 0; i < 3; i++)
        resize_with_obstacle();
}

static void lifted_later(void)
{
    limit_now(limit_kind, GIB);
    resize_with_obstacle();
    limit_now(limit_kind, RLIM_INFINITY);
    resize_with_obstacle();
}

static void test_limit_comes_and_goes(void **state)
{
    (void)state;
    static const int kinds[] = {RLIMIT_AS, RLIMIT_DATA};
    for (size_t i = 0; i < 2; i++) {
        limit_kind = kinds[i];
        CHECK_CHILD(limited_later);
        CHECK_CHILD(lifted_later);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_space),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_limit_comes_and_goes),
    };
    if (UNIT_SANITIZED)
        return 77;
    if (argc == 2) {
        unit_is_child = true;
        return exhaust(strtoul(argv[1], NULL, 10));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
