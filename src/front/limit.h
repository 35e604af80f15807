/* SPDX-License-Identifier: MIT */
/*
 * What is done at the limit on memory: room is made, or memory refused. limit.c
 */
#ifndef HAK_FRONT_LIMIT_H
#define HAK_FRONT_LIMIT_H

#include "base/base.h"

/* Was something refused because of the limit? */
bool limit_was_met(void);
/* `more` bytes are wanted, in a range of `size` bytes: is there room, after whatever can be done
 * for it? No lock held. */
bool limit_may_grow(size_t more, size_t size);
/* The same for a new block. */
bool limit_may_take(size_t alignment, size_t size);
/* Other threads may take the room that it has found: the caller tries this many times. */
#define GROWTH_ROUNDS 16
/* No room is left: look how much is in use, and give free memory back if that is near the limit. */
void limit_review(void);
/* hak_on_limit's. */
void limit_set_handler(bool (*handler)(size_t wanted, void *context), void *context);
/* fork: the lock of the handler; and the rest, in the child. */
extern struct lock limit_lock;
void limit_reset_in_child(void);

#endif
