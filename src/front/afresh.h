/* SPDX-License-Identifier: MIT */
/*
 * The new start of a copy of the process that cannot trust its state; and the heap that the copy
 * has abandoned. afresh.c
 */
#ifndef HAK_FRONT_AFRESH_H
#define HAK_FRONT_AFRESH_H

#include "lane/lane.h"

/* Start with an empty heap. False if there is no address space for it now. No other thread may be
 * in the allocator. */
bool afresh_start(void);
/* Usable bytes of a block of an abandoned heap; 0 if it is not one. */
size_t afresh_usable(const void *block);
/* May this be an address in an abandoned heap, of a block or of metadata? */
bool afresh_has(const void *address);

#endif
