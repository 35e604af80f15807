/* SPDX-License-Identifier: MIT */
/*
 * The route, that is the slow paths: from a size to its lane, and from a pointer to the lane that
 * it came from. The reservation must exist. route.c
 */
#ifndef HAK_FRONT_ROUTE_H
#define HAK_FRONT_ROUTE_H

#include "front/front.h"

struct hak_heap;

/* A block of `size` bytes; zeroed if is_zeroed. NULL if memory is short. */
void *route_alloc(size_t size, bool is_zeroed);
/* The same, aligned to a power of two. */
void *route_alloc_aligned(size_t alignment, size_t size, bool is_zeroed);
/* The same from an owned heap, which owned_heap_expect has checked. */
void *route_alloc_from(struct hak_heap *heap, size_t alignment, size_t size, bool is_zeroed);
/* Destroy an owned heap: see owned_heap_destroy. */
void route_destroy(struct hak_heap *heap);
/* Free a block. False if the pointer is outside the reservation. Ends the program if it is inside
 * and no live block starts there. */
bool route_free(void *block);
/* The usable bytes of a block. False as route_free. */
bool route_usable(const void *block, size_t *usable);
/* The size of a live block, from its map byte or its record. Takes no lock, and reads nothing that
 * another thread may change. False as route_free. */
bool route_size_of(const void *block, size_t *size);
/* Resize a block; it may move. *result is NULL if memory is short. False as route_free. */
bool route_resize(void *block, size_t size, void **result);
/* The usable bytes of a new block of this size; 0 if no block can be so large. */
size_t route_good_size(size_t size);
/* A last check of the free blocks in the calling thread's cache and in the depots: if a block lies
 * there twice, end the program. */
void route_judge_caches(void);

/* Each slow path calls this function, with no lock held; NULL if no setting needs it. Set it before
 * the reservation exists. */
extern void (*route_on_slow_path)(void);

#endif
