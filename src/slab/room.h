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
void slab_allow(int64_t bytes);
/* The room that is left; 0 or less when it is time to ask. */
int64_t slab_room(void);
void slab_charge(size_t bytes);
size_t slab_used_bytes(void); /* of slabs that are in use or warm */
bool slab_is_at_limit(void);  /* was something refused since the last slab_allow? */
/* May slabs without pages be taken, as far as the limit on memory is concerned? */
bool superslab_is_room(size_t slabs);

#endif
