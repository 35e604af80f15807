/* SPDX-License-Identifier: MIT */
/*
 * The terms that add up to the process's RSS.
 */
#ifndef HAK_CLI_TERMS_H
#define HAK_CLI_TERMS_H

#include "heap/extents.h"

/* RSS = live + thread_cached + depots + partly_used + purgeable + metadata + tables + others +
 * unexplained. Resident bytes all. */
struct heap_terms {
    uint64_t rss;  /* what VmRSS was at some moment of the look; 0 in a core */
    uint64_t live; /* in blocks that the program holds, whatever size it asked for */
    uint64_t thread_cached;
    uint64_t depots;
    uint64_t partly_used; /* free blocks and ends in slabs that are in use */
    uint64_t purgeable;
    uint64_t metadata;
    uint64_t tables;
    uint64_t others;     /* mappings that are not the heap's, as the kernel says; 0 in a core */
    int64_t unexplained; /* RSS less the terms' sum: the look was torn */
    struct row_figures classes[CLASS_ACE_LAST + 1];
    struct row_figures lanes[HAK_LANE_COUNT];
    uint64_t warm_bytes;
    uint64_t huge_page_waste; /* of warm_bytes: of huge pages, and never handed out */
    uint64_t used_bytes;      /* address space of superslabs that are in use or warm */
};
/* Count the terms of a view that has just been opened. A page is looked at once, at some moment of
 * the look: so the sum lies between what VmRSS was before and after, unless pages went to and fro
 * meanwhile. Then the view is opened again, a few times at most, and `unexplained` tells what is
 * left. False: the process has ended or is another program now; the view is closed then, and the
 * target's error says which. */
bool heap_terms_count(struct heap_view *view, struct heap_terms *terms);
/* Is the mapping the heap's? The heap is a window of addresses, and others' mappings may lie
 * between its own. */
bool heap_owns(const struct heap_view *view, const struct mapping *mapping);
uint64_t heap_terms_sum(const struct heap_terms *terms);
/* Addresses of ACE and Huge blocks. HAKMEM_LIMIT counts them as if they had all their pages. */
uint64_t heap_terms_spans(const struct heap_terms *terms);

#endif
