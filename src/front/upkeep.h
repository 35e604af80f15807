/* SPDX-License-Identifier: MIT */
/*
 * The work that keeps the heap small: the limit on memory, the ageing of free memory, the bins of
 * sleeping threads. Called from slow paths and by the helper thread; never on the fast path.
 */
#ifndef HAK_FRONT_UPKEEP_H
#define HAK_FRONT_UPKEEP_H

#include "front/front.h"

/* ---- limit.c: the limit on memory ---- */

/* The reservation is there: it has a limit from now on. */
void limit_start(void);
/* Change HAKMEM_LIMIT: bytes, 0 for none, or less than 0 for percent of the control group's. False
 * if that cannot be a limit, or no group has one. Any thread may call it, also inside the
 * allocator. */
bool limit_set(int64_t value);
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
/* In a slow path, once an epoch: may malloc fail by the limit, and is memory near it as it is now?
 * A limit that was lowered leaves no room. */
bool limit_is_near(void);
/* hak_on_limit's. */
void limit_set_handler(bool (*handler)(size_t wanted, void *context), void *context);
void limit_reset_in_child(void);

/* ---- afresh.c: a copy of the process whose state cannot be believed ---- */

/* Start with a heap that is empty. False when there is no address space for it now. Only the
 * calling thread may be in the allocator. */
bool afresh_start(void);
/* Usable bytes of a block of the heap that was abandoned; 0 when it is none. */
size_t afresh_usable(const void *block);
/* May this be an address of an abandoned heap, of a block or of metadata? */
bool afresh_has(const void *address);

/* ---- ageing.c: the work of one epoch ---- */

/* For slow paths: a new epoch's work begins, if the last one's has ended. No lock may be held. */
void ageing_begin(void);
/* ageing_is_under_way: is some of the work left? ageing_go_on does a part of it, and returns the
 * verdict on the first block at fault. */
bool ageing_is_under_way(void);
struct verdict ageing_go_on(void);
/* Do all of it at once, for the helper; all free memory goes back if memory is short. *verdict is
 * on the first block at fault. Returns whether some work is left for later epochs. */
bool ageing_work(bool is_short, struct verdict *verdict);

/* ---- background.c: ageing, by slow paths or by the helper thread ---- */

/* Called by each slow path, with no lock held: does a part of an epoch's work, or starts the helper
 * where the setting asks for one. */
void background_poll(void);
/* From here on a helper may be started: the program is set up. */
void background_allow(void);
void background_reset_in_child(void);
/* Have the bins of all other threads emptied: now, as far as they can be, and the rest at their
 * threads' next slow path. */
void background_empty_others(void);

/* ---- owned_heap.c: all first-class heaps ---- */

/* pool_purge_idle of each; the bytes. */
size_t owned_heap_purge_idle(unsigned min_age, bool *is_pending);
void owned_heap_lock_all(void);
void owned_heap_unlock_all(void);
void owned_heap_reset_locks(void);

/* ---- thread_heap.c: all threads' heaps ---- */

/* Ask all threads to empty their heaps. */
void unified_cache_ask_all(void);
/* Look whether the threads of a few heaps have ended without our destructor, and give back what
 * such a heap holds. No lock may be held. */
void unified_cache_reap(void);
/* Are all known threads of the program gone? Then the helper, which asks, is the last one. */
bool unified_cache_is_deserted(void);
/* Call `visit` with each heap in turn, under the lock of the list, one heap in a holding; and
 * `after` without it. `visit` must not use the list. */
void unified_cache_visit(void (*visit)(struct thread_heap *heap), void (*after)(void));

/* ---- idle_threads.c ---- */

/* Give back what other threads' bins hold, if they have been left alone for a few calls of this (or
 * at once, if is_urgent). No lock may be held. The verdict on the first block at fault. */
struct verdict idle_threads_take(bool is_urgent);
/* For a slow path of the heap's thread that has entered it: wait until a visit is over. */
void idle_threads_wait(struct thread_heap *heap);
/* For the heap's thread in a slow path, or when it is gone: bins start where their magazines do
 * again. */
void idle_threads_close_gaps(struct thread_heap *heap);
/* In a forked child: undo the visit that another thread may have been at. */
void idle_threads_restore(struct thread_heap *heap);
void idle_threads_reset_in_child(void);

#endif
