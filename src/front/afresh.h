/* SPDX-License-Identifier: MIT */
/*
 * A copy of the process whose state cannot be believed: its new start, and the heap that it has
 * abandoned. afresh.c
 */
#ifndef HAK_FRONT_AFRESH_H
#define HAK_FRONT_AFRESH_H

#include "lane/lane.h"

/* Start with a heap that is empty. False when there is no address space for it now. Only the
 * calling thread may be in the allocator. */
bool afresh_start(void);
/* Usable bytes of a block of the heap that was abandoned; 0 when it is none. */
size_t afresh_usable(const void *block);
/* May this be an address of an abandoned heap, of a block or of metadata? */
bool afresh_has(const void *address);

#endif
