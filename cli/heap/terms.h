/* SPDX-License-Identifier: MIT */
/*
 * The terms that add up to the process's RSS.
 */
#ifndef HAK_CLI_TERMS_H
#define HAK_CLI_TERMS_H

#include "heap/extents.h"

/* RSS = live + thread_cached + depots + partly_used + purgeable + metadata + tables + others +
 * unexplained. All are resident bytes. */
struct heap_terms {
    uint64_t rss;  /* VmRSS at some moment of the look; 0 in a core */
    uint64_t live; /* in live blocks, with their rounding */
    uint64_t thread_cached;
    uint64_t depots;
    uint64_t partly_used; /* free blocks, and ends of slabs, in slabs that are used */
    uint64_t purgeable;
    uint64_t metadata;
    uint64_t tables;
    uint64_t others; /* in mappings that are not the heap's, by the kernel's count; 0 in a core */
    int64_t unexplained; /* RSS minus the sum of the terms: the look was torn */
    struct row_figures classes[CLASS_ACE_LAST + 1];
    struct row_figures lanes[HAK_LANE_COUNT];
    uint64_t warm_bytes;
    uint64_t huge_page_waste; /* the part of warm_bytes in huge pages that was never handed out */
    uint64_t used_bytes;      /* address space of superslabs that are in use or warm */
};
/* Count the terms of a view that has just been opened. Each page is looked at once, at some moment
 * of the look. So the sum lies between VmRSS before and after, unless pages came and went
 * meanwhile. In that case the view is opened again, a few times at most; a difference that is left
 * becomes `unexplained`. False: the process has ended or is another program now. Then the view is
 * closed, and the target's error says which. */
bool heap_terms_count(struct heap_view *view, struct heap_terms *terms);
/* Does the mapping belong to the heap? The heap is a window of addresses, and mappings of others
 * may lie in it. */
bool heap_owns(const struct heap_view *view, const struct mapping *mapping);
uint64_t heap_terms_sum(const struct heap_terms *terms);
/* Address space of ACE and Huge blocks. HAKMEM_LIMIT counts them as if all their pages were
 * present. */
uint64_t heap_terms_spans(const struct heap_terms *terms);

#endif
