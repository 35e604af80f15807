/* SPDX-License-Identifier: MIT */
/*
 * A sparse set of pages. Filled by residency.c, read by terms.c.
 */
#include "heap/page_set.h"

#include <stdlib.h>

#include "base/memory.h"
#include "heap/target.h"

#define CHUNK_BYTES ((uint64_t)PAGE_CHUNK * TARGET_PAGE)
#define WORDS (PAGE_CHUNK / 64)

bool page_set_open(struct page_set *set, uint64_t start, uint64_t end)
{
    size_t count = end > start ? (size_t)((end - start - 1) / CHUNK_BYTES + 1) : 0;
    *set = (struct page_set){.start = start, .chunk_count = count};
    set->chunks = calloc(count + 1, sizeof set->chunks[0]);
    return set->chunks;
}

void page_set_close(struct page_set *set)
{
    for (size_t i = 0; set->chunks && i < set->chunk_count; i++)
        free(set->chunks[i]);
    free(set->chunks);
    *set = (struct page_set){0};
}

static uint64_t *chunk_for(struct page_set *set, size_t index)
{
    if (!set->chunks[index]) {
        set->chunks[index] = memory_resize(NULL, WORDS, sizeof(uint64_t));
        for (size_t i = 0; i < WORDS; i++)
            set->chunks[index][i] = 0;
    }
    return set->chunks[index];
}

/* The bits of a word from bit `from` to bit `to` - 1. */
static uint64_t bits_between(unsigned from, unsigned to)
{
    uint64_t below = to < 64 ? ((uint64_t)1 << to) - 1 : UINT64_MAX;
    return below & ~(((uint64_t)1 << from) - 1);
}

void page_set_add(struct page_set *set, uint64_t start, uint64_t end)
{
    uint64_t limit = set->start + set->chunk_count * CHUNK_BYTES;
    if (start < set->start)
        start = set->start;
    if (end > limit)
        end = limit;
    if (start >= end)
        return;
    uint64_t to = (end - set->start) / TARGET_PAGE;
    for (uint64_t at = (start - set->start) / TARGET_PAGE; at < to;) {
        uint64_t next = (at / 64 + 1) * 64;
        unsigned last = next <= to ? 64 : (unsigned)(to % 64);
        chunk_for(set, at / PAGE_CHUNK)[at % PAGE_CHUNK / 64] |= bits_between(at % 64, last);
        at = next;
    }
}

static bool has(const struct page_set *set, uint64_t page)
{
    const uint64_t *chunk = set->chunks[page / PAGE_CHUNK];
    return chunk && chunk[page % PAGE_CHUNK / 64] >> (page % 64) & 1;
}

/* How many of the pages from `at` to `to` - 1 are in the set. */
static uint64_t count_pages(const struct page_set *set, uint64_t at, uint64_t to)
{
    uint64_t pages = 0;
    while (at < to) {
        const uint64_t *chunk = set->chunks[at / PAGE_CHUNK];
        uint64_t next = chunk ? (at / 64 + 1) * 64 : (at / PAGE_CHUNK + 1) * PAGE_CHUNK;
        if (chunk)
            pages += (unsigned)__builtin_popcountll(
                chunk[at % PAGE_CHUNK / 64] &
                bits_between(at % 64, next <= to ? 64 : (unsigned)(to % 64)));
        at = next;
    }
    return pages;
}

uint64_t page_set_bytes(const struct page_set *set, uint64_t from, uint64_t to)
{
    uint64_t limit = set->start + set->chunk_count * CHUNK_BYTES;
    if (from < set->start)
        from = set->start;
    if (to > limit)
        to = limit;
    if (from >= to)
        return 0;
    uint64_t first = (from - set->start) / TARGET_PAGE;
    uint64_t last = (to - 1 - set->start) / TARGET_PAGE;
    uint64_t before = (from - set->start) % TARGET_PAGE;
    uint64_t behind = TARGET_PAGE - 1 - (to - 1 - set->start) % TARGET_PAGE;
    uint64_t bytes = count_pages(set, first, last + 1) * TARGET_PAGE;
    return bytes - (has(set, first) ? before : 0) - (has(set, last) ? behind : 0);
}

uint64_t page_set_empty(const struct page_set *set, uint64_t at, uint64_t most)
{
    uint64_t index = (at - set->start) / CHUNK_BYTES;
    uint64_t end = index;
    uint64_t bytes = 0;
    while (end < set->chunk_count && !set->chunks[end] && bytes < most)
        bytes = set->start + ++end * CHUNK_BYTES - at;
    return bytes < most ? bytes : most;
}
