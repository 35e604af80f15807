/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a large range are resident, as the kernel said at one moment. It takes memory only
 * where there are such pages: a heap's address space is mostly empty.
 */
#ifndef HAK_CLI_PAGE_SET_H
#define HAK_CLI_PAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages whose bits are kept together; none of them is kept where none is resident. */
#define PAGE_CHUNK ((size_t)1 << 15)

/* Purpose: the pages. Invariant: chunks[i] has the bits of the PAGE_CHUNK pages from start + i *
 * PAGE_CHUNK * TARGET_PAGE on, or is NULL. */
struct page_set {
    uint64_t start; /* of a page */
    size_t chunk_count;
    uint64_t **chunks;
};

/* An empty set for [start, end). False: there is no memory for a range so large. */
bool page_set_open(struct page_set *set, uint64_t start, uint64_t end);
void page_set_close(struct page_set *set);
/* Add the whole pages of [start, end); what lies outside the range is ignored. */
void page_set_add(struct page_set *set, uint64_t start, uint64_t end);
/* Bytes of [from, to), of any length, that lie on pages of the set. */
uint64_t page_set_bytes(const struct page_set *set, uint64_t from, uint64_t to);
/* From `at` on, bytes of chunks without any page, at most `most`; 0 when the page at `at` lies in a
 * chunk that has some. It takes as long as what it returns has chunks. */
uint64_t page_set_empty(const struct page_set *set, uint64_t at, uint64_t most);

#endif
