/* SPDX-License-Identifier: MIT */
/*
 * The run that the programs of tests/fault repeat while calls fail: blocks of all lanes by most of
 * the interface, each filled and checked. Allocation may fail, by NULL and ENOMEM; nothing else
 * may. Counts on the names hak_*: libc's own allocator serves the test itself.
 */
#ifndef TESTS_FAULT_RUN_H
#define TESTS_FAULT_RUN_H

#include "unit/unit.h"

#include "os/os.h"

#include "hakmem/hakmem.h"

#define HELD 12

/* Purpose: a block that the run holds, with the sparse pattern of its size and key. */
struct held {
    char *block;
    size_t size;
    uint64_t key;
};

static _Atomic unsigned failed_calls;

static inline void note_failure(int expected)
{
    CHECK_EQ(errno, expected);
    failed_calls++;
}

static inline void fill(struct held *one)
{
    one->key++;
    pattern_fill_sparse(one->block, one->size, one->key);
}

static inline void check_zero(const char *block, size_t size)
{
    for (size_t at = 0; at < size; at += SLAB_SIZE / 2)
        CHECK(unit_is_zero(block + at, min_size(64, size - at)));
    size_t end = min_size(size, 256);
    CHECK(unit_is_zero(block + size - end, end));
}

static inline void allocate(struct held *one, unsigned how, size_t size)
{
    size_t alignment = (size_t)32 << how % 13;
    errno = 0;
    one->size = size;
    if (how % 4 == 0)
        one->block = hak_calloc(1, size);
    else if (how % 4 == 1)
        one->block = hak_aligned_alloc(alignment, size);
    else
        one->block = hak_malloc(size);
    if (!one->block) {
        note_failure(ENOMEM);
        return;
    }
    CHECK_EQ(errno, 0);
    CHECK(how % 4 != 1 || (uintptr_t)one->block % alignment == 0);
    CHECK(hak_usable_size(one->block) >= size);
    if (how % 4 == 0)
        check_zero(one->block, size);
    fill(one);
}

static inline void reallocate(struct held *one, size_t size)
{
    errno = 0;
    CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
    char *block = hak_realloc(one->block, size);
    if (!block) {
        note_failure(ENOMEM);
        CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
        return;
    }
    CHECK(pattern_sparse_holds(block, one->size, size, one->key));
    one->block = block;
    one->size = size;
    fill(one);
}

static inline void release(struct held *one)
{
    CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
    errno = 77;
    hak_free(one->block);
    CHECK_EQ(errno, 77);
    one->block = NULL;
}

static inline size_t size_for(uint64_t *random)
{
    switch (unit_random(random, 10)) {
    case 0: return LANE_HUGE_MIN + random_next(random) % (2 * MIB);
    case 1: return LANE_ACE_MIN + random_next(random) % MIB;
    case 2: return LANE_POOL_MIN + random_next(random) % (LANE_POOL_MAX - LANE_POOL_MIN);
    default: return 1 + unit_random(random, LANE_TINY_MAX);
    }
}

static inline void use_blocks(uint64_t random, unsigned steps)
{
    struct held held[HELD] = {{NULL, 0, 0}};
    for (unsigned step = 0; step < steps; step++) {
        struct held *one = &held[unit_random(&random, HELD)];
        size_t size = size_for(&random);
        if (!one->block)
            allocate(one, unit_random(&random, 64), size);
        else if (unit_random(&random, 2))
            reallocate(one, size);
        else
            release(one);
        if (step == steps / 2)
            hak_trim();
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i].block)
            release(&held[i]);
}

/* A huge block that cannot grow where it is, twice: pages move, and move again. */
static inline void use_growth(void)
{
    struct held one = {NULL, 0, 0};
    char *obstacles[2] = {NULL, NULL};
    allocate(&one, 2, LANE_HUGE_MIN);
    for (unsigned i = 0; i < 2; i++) {
        obstacles[i] = hak_malloc(3 * MIB);
        if (one.block)
            reallocate(&one, one.size * 2);
    }
    if (one.block)
        reallocate(&one, LANE_HUGE_MIN);
    if (one.block)
        release(&one);
    hak_free(obstacles[0]);
    hak_free(obstacles[1]);
}

static inline void use_heap(void)
{
    struct hak_heap *heap = hak_heap_new();
    if (!heap) {
        note_failure(ENOMEM);
        return;
    }
    for (size_t size = 10; size < 3 * MIB; size *= 8) {
        struct held one = {.block = hak_heap_calloc(heap, 1, size), .size = size};
        if (!one.block) {
            note_failure(ENOMEM);
            continue;
        }
        check_zero(one.block, size);
        fill(&one);
        reallocate(&one, size + size / 2);
        if (size % 3)
            release(&one);
    }
    hak_heap_destroy(heap);
}

static inline uint64_t live_bytes(void)
{
    struct hak_stats stats;
    uint64_t live = 0;
    hak_stats(&stats, sizeof(stats));
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        live += stats.lane[lane].live_bytes + stats.lane[lane].live_blocks;
    return live;
}

/* ---- start ---- */

static bool fail_always(enum os_call call)
{
    (void)call;
    errno = ENOMEM;
    return true;
}

/* Before the allocator's own constructor, whose start must fail here: each child makes the
 * reservation itself. */
__attribute__((constructor(101))) static void fail_before_main(void)
{
    os_inject_failure = fail_always;
}

#endif
