/* SPDX-License-Identifier: MIT */
/*
 * The reservation: the range of addresses of the heap. It is made once; its tables are mapped as
 * far as superslabs are used.
 */
#ifndef HAK_SLAB_RESERVATION_H
#define HAK_SLAB_RESERVATION_H

#include "slab/slab.h"

/* Make the reservation. False when there is no address space now; it may be called again. Only one
 * thread may call it at a time. No other function of this layer may be called before it
 * succeeds. */
bool reservation_make(void);
/* Forget the reservation, in a copy of the process that starts afresh. */
void reservation_forget(void);
size_t reservation_bytes(void); /* addresses for superslabs */
/* Map the tables for the superslabs below `end`. False when the kernel refuses. */
bool reservation_cover_locked(size_t end);

#endif
