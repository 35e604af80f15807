/* SPDX-License-Identifier: MIT */
/*
 * The window of addresses: it is made once, and its tables are mapped as far as superslabs are
 * used.
 */
#ifndef HAK_SLAB_RESERVATION_H
#define HAK_SLAB_RESERVATION_H

#include "slab/slab.h"

/* Make the reservation. False when there is no address space now; may be called again. Called once
 * at a time. Until it has succeeded no other function of this layer may be called. */
bool reservation_make(void);
/* In a copy of the process that starts afresh: there is none. */
void reservation_forget(void);
size_t reservation_bytes(void); /* of addresses in the window */
/* Map the tables for the superslabs below `end`. False when the kernel refuses. */
bool reservation_cover_locked(size_t end);

#endif
