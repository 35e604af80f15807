/* SPDX-License-Identifier: MIT */
/*
 * Room: the bytes that may still come into use below the limit on memory (HAKMEM_LIMIT).
 */
#ifndef HAK_SLAB_ROOM_H
#define HAK_SLAB_ROOM_H

#include "slab/slab.h"

/* From now on this many bytes may come into use. Beyond that, slabs without pages are refused. Warm
 * slabs, and purged pages of slabs in use, reduce the room but are never refused. Freed memory does
 * not add room: the front layer calls room_set again. */
void room_set(int64_t bytes);
/* The room that is left. At 0 or less the front layer measures the memory in use again. */
int64_t room_left(void);
void room_charge(size_t bytes);
size_t room_used_bytes(void); /* slabs in use or warm */
bool room_was_refused(void);  /* was a request refused since the last room_set? */
/* Is there room for this many slabs without pages? If not, the refusal is recorded. */
bool room_has(size_t slabs);

#endif
