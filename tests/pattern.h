/* SPDX-License-Identifier: MIT */
/*
 * What tests write into blocks, and how they find it again: words derived from a key and their
 * offset, so that a block that overlaps another, moved wrongly or lost its end is noticed. The key
 * comes from the block's address, its size and a seed. Used by tests/api, tests/stress, tests/fuzz.
 */
#ifndef TESTS_PATTERN_H
#define TESTS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A pseudo random sequence (splitmix64): deterministic from its seed. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The key of a block: differs when its address, size or seed differ. */
static inline uint64_t pattern_key(const void *block, size_t size, uint64_t seed)
{
    uint64_t state = seed ^ (uint64_t)(uintptr_t)block ^ ((uint64_t)size << 48);
    return random_next(&state) + size;
}

static inline uint64_t pattern_word(uint64_t key, size_t offset)
{
    return (key ^ (offset >> 3)) * 0x9e3779b97f4a7c15u;
}

/* Bytes [from, to) of the block, written. The word at offset o depends on key and o / 8 alone. */
static inline void pattern_fill_range(void *block, size_t from, size_t to, uint64_t key)
{
    unsigned char *bytes = (unsigned char *)block;
    while (from < to) {
        uint64_t word = pattern_word(key, from);
        size_t in_word = from & 7;
        size_t count = 8 - in_word < to - from ? 8 - in_word : to - from;
        memcpy(bytes + from, (unsigned char *)&word + in_word, count);
        from += count;
    }
}

/* True when bytes [from, to) hold what pattern_fill_range wrote. */
static inline bool pattern_range_holds(const void *block, size_t from, size_t to, uint64_t key)
{
    const unsigned char *bytes = (const unsigned char *)block;
    while (from < to) {
        uint64_t word = pattern_word(key, from);
        size_t in_word = from & 7;
        size_t count = 8 - in_word < to - from ? 8 - in_word : to - from;
        if (memcmp(bytes + from, (unsigned char *)&word + in_word, count) != 0)
            return false;
        from += count;
    }
    return true;
}

static inline void pattern_fill(void *block, size_t size, uint64_t key)
{
    pattern_fill_range(block, 0, size, key);
}

static inline bool pattern_holds(const void *block, size_t size, uint64_t key)
{
    return pattern_range_holds(block, 0, size, key);
}

/*
 * Large blocks: only both ends and PATTERN_PROBES places between them, because each page touched
 * for the first time costs a page fault. pattern_sparse_holds checks a prefix of such a block when
 * `size` is smaller than `filled`, the size it was filled with.
 */
#define PATTERN_DENSE_MAX ((size_t)8192)
#define PATTERN_EDGE ((size_t)256)
#define PATTERN_PROBES ((size_t)16)

static inline void pattern_fill_sparse(void *block, size_t size, uint64_t key)
{
    if (size <= PATTERN_DENSE_MAX) {
        pattern_fill(block, size, key);
        return;
    }
    size_t step = (size / (PATTERN_PROBES + 1)) & ~(size_t)7;
    for (size_t at = step; at + 8 <= size - PATTERN_EDGE; at += step)
        pattern_fill_range(block, at, at + 8, key);
    pattern_fill_range(block, 0, PATTERN_EDGE, key);
    pattern_fill_range(block, size - PATTERN_EDGE, size, key);
}

static inline bool pattern_sparse_holds(const void *block, size_t filled, size_t size, uint64_t key)
{
    if (size > filled)
        size = filled;
    if (filled <= PATTERN_DENSE_MAX)
        return pattern_holds(block, size, key);
    size_t step = (filled / (PATTERN_PROBES + 1)) & ~(size_t)7;
    for (size_t at = step; at + 8 <= filled - PATTERN_EDGE && at + 8 <= size; at += step)
        if (!pattern_range_holds(block, at, at + 8, key))
            return false;
    if (!pattern_range_holds(block, 0, size < PATTERN_EDGE ? size : PATTERN_EDGE, key))
        return false;
    return size <= filled - PATTERN_EDGE ||
           pattern_range_holds(block, filled - PATTERN_EDGE, size, key);
}

#endif
