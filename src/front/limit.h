/* SPDX-License-Identifier: MIT */
/*
 * What happens at the limit on memory: free memory is given back, or memory is refused. limit.c
 */
#ifndef HAK_FRONT_LIMIT_H
#define HAK_FRONT_LIMIT_H

#include "base/base.h"

/* Has the slab layer refused memory because of the limit, since it last got permission? */
bool limit_was_met(void);
/* May `more` bytes be taken into use, in a range of `size` bytes? First gives free memory back, and
 * calls the program's handler, if that is necessary. The caller may hold no lock. */
bool limit_may_grow(size_t more, size_t size);
/* The same for a new block. */
bool limit_may_take(size_t alignment, size_t size);
/* Other threads may take the room that was found, so the caller tries this many times. */
#define GROWTH_ROUNDS 16
/* The slab layer has no room left: look how much memory is in use, and give free memory back if
 * that is near the limit. */
void limit_review(void);
/* Set the handler of hak_on_limit. */
void limit_set_handler(bool (*handler)(size_t wanted, void *context), void *context);
/* For fork: the lock of the handler. The rest is reset in the child. */
extern struct lock limit_lock;
void limit_reset_in_child(void);

#endif
