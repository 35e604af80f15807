/* SPDX-License-Identifier: MIT */
/*
 * How much memory the heap may use and how much it uses: the present limit, the room below it, and
 * whether a trim is due. pressure.c
 */
#ifndef HAK_FRONT_PRESSURE_H
#define HAK_FRONT_PRESSURE_H

#include "base/base.h"

/* Call once the reservation exists: the limit applies from now on. */
void pressure_start(void);
/* Change HAKMEM_LIMIT: a number of bytes, 0 for none, or a negative number for a percentage of the
 * control group's limit. False if the value cannot be a limit, or if it is a percentage and no
 * group has a limit. Any thread may call it, also inside the allocator. */
bool pressure_set(int64_t value);
/* May malloc fail because of the limit? */
bool pressure_is_hard(void);
/* The limit in bytes; UINT64_MAX if there is none. The limit of a control group may change at any
 * time, so it is read again once an epoch. */
uint64_t pressure_limit(void);
/* Bytes of memory that are in use, or will be. */
uint64_t pressure_used(void);
/* Is the use of memory, with `more` bytes added, far from the limit of `bytes`? Then the slab layer
 * gets permission for a range of `size` bytes and for half of the room below the limit. */
bool pressure_is_far(uint64_t bytes, size_t more, size_t size);
/* Near the limit of `bytes`: give permission for a range of `size` bytes only. */
void pressure_allow(uint64_t bytes, size_t size);
/* Near the limit of `bytes`, with `used` bytes in use: is another trim due, because enough memory
 * has been taken into use since the last one? */
bool pressure_wants_trim(uint64_t used, uint64_t bytes);
/* That trim is done. */
void pressure_note_trim(void);
/* For a slow path, once an epoch: may malloc fail because of the limit, and is the use of memory
 * near the limit as it is now? Reads the limit again. */
bool pressure_is_near(void);

#endif
