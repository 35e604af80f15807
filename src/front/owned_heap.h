/* SPDX-License-Identifier: MIT */
/*
 * First-class heaps: what owned_heap.c does for the route, the ageing and the api layer.
 */
#ifndef HAK_FRONT_OWNED_HEAP_H
#define HAK_FRONT_OWNED_HEAP_H

#include "lane/lane.h"

/* A handle: an address that must not be read. A handle of no live heap ends the program. */
struct hak_heap;
struct hak_heap *owned_heap_new(void);
/* Ends the program in the name of `function` if this is no live heap. False: it was one in the
 * process that this one is a copy of, and must not be used. */
bool owned_heap_expect(const struct hak_heap *heap, const char *function);
/* Ends the program if this is no live heap. Does nothing where owned_heap_expect says false. */
void owned_heap_destroy(struct hak_heap *heap);

/* ---- blocks ---- */

/* Where the blocks of a heap come from; the heap must have been checked by owned_heap_expect. */
struct heap_body;
struct heap_body *owned_heap_body(const struct hak_heap *heap);
/* The same for a block of any first-class heap: its map byte is CLASS_OWNED. */
struct heap_body *owned_heap_of(const void *block);
/* A block of a Tiny, Pool or ACE class; *is_zero says that it reads as zero. NULL when out of
 * memory. */
void *owned_heap_take(struct heap_body *heap, unsigned size_class, bool *is_zero);
/* The list that its Huge blocks join. */
struct span_list *owned_heap_spans(struct heap_body *heap);
/* Of a block of any first-class heap; ends the program if it is not the start of one. */
size_t owned_heap_usable(const void *block, const char *function);
void owned_heap_free(void *block);

/* ---- all heaps ---- */

/* Add all first-class heaps' pools to the figures. */
void owned_heap_count(struct pool_figures figures[CLASS_POOL_LAST + 1]);
/* idle_pages_purge of each; the bytes. */
size_t owned_heap_purge_idle(unsigned min_age, bool *is_pending);
/* idle_pages_begin and idle_pages_go_on of each. */
void owned_heap_age_begin(void);
bool owned_heap_age_on(unsigned min_age, size_t *effort);
/* pool_check of each; the number of faults. */
unsigned owned_heap_check(void);

/* ---- fork ---- */

/* The outermost lock of first-class heaps; and `apply` to the locks of each heap, under that
 * one. */
extern struct lock owned_heap_lock;
void owned_heap_each_lock(void (*apply)(struct lock *lock));
/* In a forked child, after the locks. */
void owned_heap_reset_in_child(void);

#endif
