/* SPDX-License-Identifier: MIT */
/*
 * Owned heaps: heaps that the program makes by hak_heap_new. owned_heap.c
 */
#ifndef HAK_FRONT_OWNED_HEAP_H
#define HAK_FRONT_OWNED_HEAP_H

#include "lane/lane.h"

/* A handle: an address that must not be read. To use a handle that belongs to no live heap ends the
 * program. */
struct hak_heap;
struct hak_heap *owned_heap_new(void);
/* Check a handle: ends the program, in the name of `function`, if it belongs to no live heap.
 * Returns false if the heap belongs to the process that this one is a copy of: then it must not be
 * used. */
bool owned_heap_expect(const struct hak_heap *heap, const char *function);
/* Destroy a heap with all its blocks. Ends the program if the handle belongs to no live heap; does
 * nothing if owned_heap_expect returns false. */
void owned_heap_destroy(struct hak_heap *heap);

/* ---- blocks ---- */

/* The pool and the span list of a heap; owned_heap_expect must have checked the handle. */
struct heap_body;
struct heap_body *owned_heap_body(const struct hak_heap *heap);
/* The same for a block of any owned heap, whose map byte is CLASS_OWNED. */
struct heap_body *owned_heap_of(const void *block);
/* Take a block of a Tiny, Pool or ACE class. *is_zero says that it reads as zero. NULL if memory is
 * short. */
void *owned_heap_take(struct heap_body *heap, unsigned size_class, bool *is_zero);
/* A block of a heap is going to be a sample of the profile, until it is freed or its heap is
 * destroyed. */
void owned_heap_note_sample(const void *block);
/* The list that the heap's Huge blocks join. */
struct span_list *owned_heap_spans(struct heap_body *heap);
/* Usable bytes of a block of any owned heap. Ends the program if the pointer is not the start of a
 * block. */
size_t owned_heap_usable(const void *block, const char *function);
void owned_heap_free(void *block);

/* ---- all heaps ---- */

/* Add the figures of the pools of all owned heaps. */
void owned_heap_count(struct pool_figures figures[CLASS_POOL_LAST + 1]);
/* Call idle_pages_purge for each heap; returns the bytes. */
size_t owned_heap_purge_idle(unsigned min_age, bool *is_pending);
/* Call idle_pages_begin, or idle_pages_go_on, for each heap. */
void owned_heap_age_begin(void);
bool owned_heap_age_on(unsigned min_age, size_t *effort);
/* Call pool_check for each heap; returns the number of faults. */
unsigned owned_heap_check(void);

/* ---- fork ---- */

/* The lock that is taken before all other locks of owned heaps; and a call of `apply` for each of
 * those other locks, while this one is held. */
extern struct lock owned_heap_lock;
void owned_heap_each_lock(void (*apply)(struct lock *lock));
/* In a forked child, after the locks have been reset. */
void owned_heap_reset_in_child(void);

#endif
