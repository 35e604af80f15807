/* SPDX-License-Identifier: MIT */
/*
 * The set of resident pages in a large range, as the kernel said at one moment. It needs memory
 * only where there are such pages: the heap's address space is mostly empty.
 */
#ifndef HAK_CLI_PAGE_SET_H
#define HAK_CLI_PAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages whose bits are stored together; they are not stored if none is resident. */
#define PAGE_CHUNK ((size_t)1 << 15)

/* Purpose: the pages. Invariant: chunks[i] has the bits of the PAGE_CHUNK pages from start + i *
 * PAGE_CHUNK * TARGET_PAGE on, or is NULL. */
struct page_set {
    uint64_t start; /* the address of a page */
    size_t chunk_count;
    uint64_t **chunks;
};

/* Make an empty set for [start, end). False if there is no memory for so large a range. */
bool page_set_open(struct page_set *set, uint64_t start, uint64_t end);
void page_set_close(struct page_set *set);
/* Add the whole pages of [start, end); what lies outside the range is ignored. */
void page_set_add(struct page_set *set, uint64_t start, uint64_t end);
/* Bytes of [from, to) that lie on pages of the set; the range may have any length. */
uint64_t page_set_bytes(const struct page_set *set, uint64_t from, uint64_t to);
/* How many bytes from `at` on, at most `most`, are in chunks without a page; 0 if the chunk of `at`
 * has one. The time grows with the number of these chunks. */
uint64_t page_set_empty(const struct page_set *set, uint64_t at, uint64_t most);

#endif
