/* SPDX-License-Identifier: MIT */
/*
 * The clock by which free memory ages, and the lock under which its pages are purged.
 */
#ifndef HAK_SLAB_DECAY_H
#define HAK_SLAB_DECAY_H

#include "slab/slab.h"

/* Purpose: the clock of decay.c. It is lock-free: a race at the border of two epochs dates a slab
 * one epoch off. `lock` is held while pages are purged: those of one superslab, of one slab of the
 * pools, or of a part of an epoch's walk (4 MiB). `fork` and other purges wait for it. */
struct decay_clock {
    struct lock lock;
    _Atomic uint64_t next_ms; /* when the next epoch begins */
    _Atomic uint8_t epoch;
    _Atomic uint64_t purged_bytes;
    _Atomic uint64_t returned_bytes;
    _Atomic unsigned waiting;  /* threads that wait for the lock */
    _Atomic unsigned counting; /* callers between decay_count(true) and (false) */
};
extern struct decay_clock decay_clock;

/* Warm slabs are dated by epochs. An epoch is a quarter of the decay time. */
#define EPOCHS_PER_DECAY 4
uint8_t decay_epoch(void);
/* Milliseconds to the next epoch, rounded up; at least 1. */
uint64_t decay_ms_to_epoch(void);
/* Begin a new epoch if it is time. Returns the number of epochs that have begun. One of the threads
 * that call at that time gets it; the others get 0. */
unsigned decay_begin_epoch(void);
/* As os_purge, and counted. The caller holds the decay lock. The range must be free memory that no
 * other thread can take before the lock is released. is_huge_page: purge in one call. */
bool decay_purge(char *start, size_t size, bool is_huge_page);
uint64_t decay_purged_bytes(void);
/* The bytes of purged pages that were really present. Counted only between decay_count(true) and
 * decay_count(false), since the count asks the kernel. */
void decay_count(bool is_on);
uint64_t decay_returned_bytes(void);
/* The outermost lock of the layer, taken before the locks of the lanes. It is held while pages are
 * purged. decay_lock_in_turn is for a thread that purges much: it lets waiting threads have the
 * lock first. decay_try_lock never waits. */
void decay_lock(void);
void decay_lock_in_turn(void);
bool decay_try_lock(void);
void decay_unlock(void);
/* Does a thread hold the lock? The answer is a hint. */
static inline bool decay_is_locked(void)
{
    return atomic_load_explicit(&decay_clock.lock.word, memory_order_relaxed) != 0;
}

#endif
