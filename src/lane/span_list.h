/* SPDX-License-Identifier: MIT */
/*
 * The lists of owned heaps' spans, and the figures of all spans. In these files a span is a block
 * that has whole slabs to itself: an ACE span or a Huge block.
 */
#ifndef HAK_LANE_SPAN_LIST_H
#define HAK_LANE_SPAN_LIST_H

#include "lane/size_class.h"
#include "lane/verdict.h"

/* Purpose: the ACE spans and Huge blocks of one owned heap. Owner: lock. */
struct span_list {
    struct lock lock;
    struct slab *first;
};

/* Purpose: the traffic of spans of one ACE class, or of Huge blocks; those of owned heaps are
 * included. An ACE span that is resized in place is flushed in its old class and refilled in the
 * new one. Invariant: refilled - flushed spans are live or in a bin. */
struct span_figures {
    _Atomic uint64_t refilled;
    _Atomic uint64_t flushed;
};
#define SPAN_CLASSES (CLASS_HUGE - CLASS_POOL_LAST)
/* For the classes above CLASS_POOL_LAST, up to CLASS_HUGE. */
extern struct span_figures span_figures[SPAN_CLASSES];
/* The bytes of all live Huge blocks. */
extern _Atomic size_t huge_bytes;

static inline struct span_figures *span_figures_of(unsigned size_class)
{
    return &span_figures[size_class - CLASS_POOL_LAST - 1];
}

/* Counted on slow paths, as figures only. A reader that sees a span flushed has seen it
 * refilled. */
static inline void span_count_refill(unsigned size_class)
{
    atomic_fetch_add_explicit(&span_figures_of(size_class)->refilled, 1, memory_order_relaxed);
}

static inline void span_count_flush(unsigned size_class)
{
    atomic_fetch_add_explicit(&span_figures_of(size_class)->flushed, 1, memory_order_release);
}

/* The traffic of a class of spans so far. */
struct traffic span_traffic(unsigned size_class);
/* The bytes of all spans that are out of their lanes. */
size_t span_bytes(void);
/* Add a span to the list of an owned heap, and remove it. A span of the whole process has no list:
 * NULL. */
void span_list_add(struct span_list *list, struct slab *slab);
void span_list_remove(struct slab *slab);

#endif
