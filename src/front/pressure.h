/* SPDX-License-Identifier: MIT */
/*
 * How much memory the heap may use and how much it uses: the limit as it is now, the room below it,
 * and whether a trim is due. pressure.c
 */
#ifndef HAK_FRONT_PRESSURE_H
#define HAK_FRONT_PRESSURE_H

#include "base/base.h"

/* The reservation is there: it has a limit from now on. */
void pressure_start(void);
/* Change HAKMEM_LIMIT: bytes, 0 for none, or less than 0 for percent of the control group's. False
 * if that cannot be a limit, or no group has one. Any thread may call it, also inside the
 * allocator. */
bool pressure_set(int64_t value);
/* May malloc fail by the limit? */
bool pressure_is_hard(void);
/* The limit in bytes, UINT64_MAX if there is none. A control group's limit may change at any time:
 * it is read again once an epoch. */
uint64_t pressure_limit(void);
/* Memory that is in use, or will be. */
uint64_t pressure_used(void);
/* Is a limit of `bytes` far, with `more` bytes in use? Then a range of `size` bytes and half of the
 * room below the limit may be taken into use. */
bool pressure_is_far(uint64_t bytes, size_t more, size_t size);
/* Near a limit of `bytes`, let a range of `size` bytes be taken into use. */
void pressure_allow(uint64_t bytes, size_t size);
/* Near a limit of `bytes`, with `used` bytes in use: was so much taken into use since the last trim
 * that another is due? */
bool pressure_wants_trim(uint64_t used, uint64_t bytes);
/* That trim is done. */
void pressure_note_trim(void);
/* In a slow path, once an epoch: may malloc fail by the limit, and is memory near it as it is now?
 * A limit that was lowered leaves no room. */
bool pressure_is_near(void);

#endif
