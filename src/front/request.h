/* SPDX-License-Identifier: MIT */
/*
 * What the command hakmem asks of a process from outside (`hakmem trim`, `set` and `limit`): a slot
 * for each thing that can be asked, in one object that slow paths look at. request.c
 */
#ifndef HAK_FRONT_REQUEST_H
#define HAK_FRONT_REQUEST_H

#include "os/os.h"

/* A slot for trim, and one for each setting that may change, from REQUEST_SET on. */
enum request_slot { REQUEST_TRIM, REQUEST_SET, REQUEST_SLOTS = REQUEST_SET + LIVE_COUNT };

/* Purpose: one thing that is asked. Owner: each field has one writer. Invariant: a request stands
 * while `served` is not `asked`; a later request of the same slot takes the place of one that
 * stands. */
struct request {
    _Atomic uint32_t asked;  /* the command's: raised after `value` is written */
    _Atomic uint32_t served; /* the process's: what `asked` was then; set after `result` */
    _Atomic int64_t value;   /* the command's: a setting's new value */
    int64_t result;          /* the process's: REQUEST_TRIM: bytes given back; else 0, or -1 */
};

/* Purpose: all of them. Owner: `is_waiting` is set by the command last of all, and cleared by the
 * thread that has `is_serving`. */
struct requests {
    _Atomic uint32_t is_waiting;
    _Atomic bool is_serving;
    struct request slots[REQUEST_SLOTS];
};
extern struct requests requests;

/* Serve the requests that stand; `trim` is how to trim. For slow paths of the program's threads; no
 * lock may be held. */
void request_serve(size_t (*trim)(void));
/* The same for the helper thread, which leaves the limit, which it may not look up, to slow
 * paths. */
void request_serve_by_helper(size_t (*trim)(void));
/* In a forked child: what was asked of the parent is not asked of it, and the thread that was
 * serving it is not there. */
void request_reset_in_child(void);

static inline bool request_is_waiting(void)
{
    /* relaxed: who serves looks again */
    return unlikely(atomic_load_explicit(&requests.is_waiting, memory_order_relaxed) != 0);
}

#endif
