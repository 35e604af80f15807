/* SPDX-License-Identifier: MIT */
/*
 * What keeps the heap small while the program does something else: the limit on memory, the ageing
 * of what lies free, the bins of sleeping threads. Called from slow paths and by the helper thread;
 * never on the fast path.
 */
#ifndef HAK_FRONT_UPKEEP_H
#define HAK_FRONT_UPKEEP_H

#include "front/front.h"

/* ---- limit.c: the limit on memory ---- */

/* The reservation is there: it has a limit from now on. */
void limit_start(void);
/* Was something refused because of the limit? */
bool limit_was_met(void);
/* `more` bytes are wanted, in a range of `size` bytes: is there room, after whatever can be done
 * for it? No lock held. */
bool limit_may_grow(size_t more, size_t size);
/* The same for a new block. */
bool limit_may_take(size_t alignment, size_t size);
/* Others may take the room that it has found, so many times. */
#define GROWTH_ROUNDS 16
/* No room is left: look how much is in use, and give back what is free if that is near the
 * limit. */
void limit_review(void);
/* In the helper, once an epoch: is memory near the limit, as it is now? */
bool limit_is_near(void);
/* hak_on_limit's. */
void limit_set_handler(bool (*handler)(size_t wanted, void *context), void *context);
void limit_reset_in_child(void);

/* ---- ageing.c: the work of one epoch ---- */

/* For slow paths: a new epoch's work begins, if the last one's has ended. No lock may be held. */
void ageing_begin(void);
/* Is some of it left? Then a part of it is done by the other; the verdict on the first block at
 * fault. */
bool ageing_is_under_way(void);
struct verdict ageing_go_on(void);
/* Do it all, for who has time; everything free goes back at once if memory is short. *verdict is on
 * the first block at fault. Returns whether some work is left for later epochs. */
bool ageing_work(bool is_short, struct verdict *verdict);

/* ---- background.c: ageing, by a helper thread or on the way ---- */

/* Called by each slow path, with no lock held: starts the helper if there is reason to, or does its
 * work if there can be none. */
void background_poll(void);
/* From here on a helper may be started: the program is set up. */
void background_allow(void);
void background_reset_in_child(void);
/* Have the bins of all other threads emptied: of those that sleep now, of the others at their next
 * slow path. */
void background_empty_others(void);

/* ---- idle_threads.c ---- */

/* In the helper, once an epoch: give back what the bins of sleeping threads hold, if they have been
 * left alone for a while (or at once, if is_urgent). The verdict on the first block at fault. */
struct verdict idle_threads_drain(bool is_urgent);
/* Blocks in a bin of a parked heap. */
unsigned idle_threads_count(struct thread_heap *heap, unsigned size_class);
/* A thread is back in the slow path: its parked heap becomes usable. */
void idle_threads_unpark(struct thread_heap *heap);

#endif
