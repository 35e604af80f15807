/* SPDX-License-Identifier: MIT */
/*
 * How much the front layer's limit allows to be taken into use.
 */
#ifndef HAK_SLAB_ROOM_H
#define HAK_SLAB_ROOM_H

#include "slab/slab.h"

/* So many bytes may be taken into use from now on. Beyond that, slabs that have no pages are
 * refused. Warm slabs, and purged pages of slabs in use, only lessen the rest. Freed memory does
 * not add to it. */
void room_set(int64_t bytes);
/* The room that is left; 0 or less when it is time to ask. */
int64_t room_left(void);
void room_charge(size_t bytes);
size_t room_used_bytes(void); /* of slabs that are in use or warm */
bool room_was_refused(void);  /* was something refused since the last room_set? */
/* May slabs without pages be taken, as far as the limit on memory is concerned? */
bool room_has(size_t slabs);

#endif
