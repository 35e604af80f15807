/* SPDX-License-Identifier: MIT */
/*
 * The spans of first-class heaps, and the figures of all spans, those of ACE and Huge.
 */
#ifndef HAK_LANE_SPAN_LIST_H
#define HAK_LANE_SPAN_LIST_H

#include "lane/size_class.h"
#include "lane/verdict.h"

/* Purpose: the spans of one first-class heap. Owner: lock. */
struct span_list {
    struct lock lock;
    struct slab *first;
};

/* Purpose: spans of one ACE class, or Huge blocks; of the process and of first-class heaps. An ACE
 * span that is resized in place ends in one class and begins in another. Invariant: what was taken
 * and not given is live, or in a bin. */
struct span_figures {
    _Atomic uint64_t taken;
    _Atomic uint64_t given;
};
#define SPAN_CLASSES (CLASS_HUGE - CLASS_POOL_LAST)
/* Of the classes above CLASS_POOL_LAST up to CLASS_HUGE. */
extern struct span_figures span_figures[SPAN_CLASSES];
/* Bytes of all live Huge blocks. */
extern _Atomic size_t huge_bytes;

static inline struct span_figures *span_figures_of(unsigned size_class)
{
    return &span_figures[size_class - CLASS_POOL_LAST - 1];
}

/* A figure only, on slow paths; a reader that sees a span given has seen it taken. */
static inline void span_count_taken(unsigned size_class)
{
    atomic_fetch_add_explicit(&span_figures_of(size_class)->taken, 1, memory_order_relaxed);
}

static inline void span_count_given(unsigned size_class)
{
    atomic_fetch_add_explicit(&span_figures_of(size_class)->given, 1, memory_order_release);
}

/* The traffic of a class of spans so far. */
struct traffic span_traffic(unsigned size_class);
/* Bytes of all spans, ACE and Huge, that have left their lanes. */
size_t span_bytes(void);
/* Join and leave the list of a first-class heap; NULL lists are allowed. */
void span_list_add(struct span_list *list, struct slab *slab);
void span_list_remove(struct slab *slab);

#endif
