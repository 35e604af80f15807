/* SPDX-License-Identifier: MIT */
/*
 * The clock by which free memory ages, and the lock under which its pages go back to the kernel.
 */
#ifndef HAK_SLAB_DECAY_H
#define HAK_SLAB_DECAY_H

#include "slab/slab.h"

/* Purpose: the clock of decay.c, lock-free: a race at an epoch's border dates a slab one epoch off.
 * `lock` is held while pages are being purged, so that a fork waits for that: by one superslab, or
 * one slab of the pools, at a time. */
struct decay_clock {
    struct lock lock;
    _Atomic uint64_t next_ms; /* when the next epoch begins */
    _Atomic uint8_t epoch;
    _Atomic uint64_t purged_bytes;
    _Atomic uint64_t returned_bytes;
    _Atomic unsigned waiting;  /* threads that want the lock */
    _Atomic unsigned counting; /* callers between decay_count(true) and (false) */
};
extern struct decay_clock decay_clock;

/* The epoch by which warm slabs are dated: a quarter of the decay time. */
#define EPOCHS_PER_DECAY 4
uint8_t decay_epoch(void);
/* Milliseconds to the next epoch, rounded up; at least 1. */
uint64_t decay_ms_to_epoch(void);
/* Begin a new epoch if it is time. Returns how many have begun, 0 for all but one of the threads
 * that ask. */
unsigned decay_begin_epoch(void);
/* As os_purge, under the decay lock, and counted: for free memory, which others may take as soon as
 * the lock is dropped. In one call if the range may be one huge page. */
bool decay_purge(char *start, size_t size, bool is_huge_page);
uint64_t decay_purged_bytes(void);
/* Pages that were present and are not any more, in bytes: counted between decay_count(true) and
 * decay_count(false) only, since the kernel must be asked. */
void decay_count(bool is_on);
uint64_t decay_returned_bytes(void);
/* The outermost lock of the layer, before the lanes': held while pages are being purged. A thread
 * that purges much takes it in turn: waiting threads have it first. To try is not to wait. */
void decay_lock(void);
void decay_lock_in_turn(void);
bool decay_try_lock(void);
void decay_unlock(void);
/* Does a thread hold the lock? A hint. */
static inline bool decay_is_locked(void)
{
    return atomic_load_explicit(&decay_clock.lock.word, memory_order_relaxed) != 0;
}

#endif
