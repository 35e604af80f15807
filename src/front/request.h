/* SPDX-License-Identifier: MIT */
/*
 * What the command hakmem asks of a process from outside (`hakmem trim`, `hakmem set`): one request
 * at a time, in one object that slow paths look at. request.c
 */
#ifndef HAK_FRONT_REQUEST_H
#define HAK_FRONT_REQUEST_H

#include "front/front.h"

enum request_state { REQUEST_NONE, REQUEST_ASKED, REQUEST_RUNNING, REQUEST_DONE };
enum request_kind { REQUEST_TRIM, REQUEST_SET };

/* Purpose: one request at a time. Owner: who asks, until state is REQUEST_ASKED; then the thread
 * that makes it REQUEST_RUNNING, until it is REQUEST_DONE. */
struct request {
    _Atomic uint32_t state;
    uint32_t kind;
    uint32_t setting; /* REQUEST_SET: the row in the table of settings */
    int64_t value;
    int64_t result; /* REQUEST_TRIM: bytes given back; REQUEST_SET: 0, or -1 if refused */
};
extern struct request request;

/* Serve a request that waits. No lock may be held. */
void request_serve(void);
/* In a forked child: what was asked of the parent is not asked of it, and the thread that was
 * serving it is not there. */
void request_reset_in_child(void);
static inline void request_poll(void)
{
    /* relaxed: request_serve looks again */
    if (unlikely(atomic_load_explicit(&request.state, memory_order_relaxed) == REQUEST_ASKED))
        request_serve();
}

#endif
