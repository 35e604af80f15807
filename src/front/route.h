/* SPDX-License-Identifier: MIT */
/*
 * The route: the slow paths, from a size to its lane and from a pointer to the lane that gave it.
 * The reservation must exist. route.c
 */
#ifndef HAK_FRONT_ROUTE_H
#define HAK_FRONT_ROUTE_H

#include "front/front.h"

struct hak_heap;

/* A block of `size` bytes; zeroed if is_zeroed. NULL when out of memory. */
void *route_alloc(size_t size, bool is_zeroed);
/* The same aligned to a power of two. */
void *route_alloc_aligned(size_t alignment, size_t size, bool is_zeroed);
/* The same from a first-class heap that owned_heap_expect has checked. */
void *route_alloc_from(struct hak_heap *heap, size_t alignment, size_t size, bool is_zeroed);
/* owned_heap_destroy. */
void route_destroy(struct hak_heap *heap);
/* False when the pointer is outside the reservation: another allocator's, or none's. Ends the
 * program when it is inside and not a live block. */
bool route_free(void *block);
/* Usable bytes; false as route_free. */
bool route_usable(const void *block, size_t *usable);
/* The size of a live block as its map byte, or its own record, has it: no lock, no check of
 * anything that may change. False as route_free. */
bool route_size_of(const void *block, size_t *size);
/* The block resized, moved if need be; *result is NULL when out of memory. False as route_free. */
bool route_resize(void *block, size_t size, void **result);
/* Usable bytes of a block of this size; 0 when there is none. */
size_t route_good_size(size_t size);
/* The last look at what the calling thread and the depots hold free: ends the program if a block
 * lies there twice. */
void route_judge_caches(void);

/* Called on each slow path, with no lock held; NULL when no setting asks for that. Set before the
 * reservation exists. */
extern void (*route_on_slow_path)(void);

#endif
