/* SPDX-License-Identifier: MIT */
/*
 * What the command `hakmem` asks of a process from outside (`hakmem trim`, `set`, `limit` and
 * `profile`): one object that slow paths look at, with a slot for each kind of request. request.c
 */
#ifndef HAK_FRONT_REQUEST_H
#define HAK_FRONT_REQUEST_H

#include "os/os.h"

/* A slot for trim, one for each setting that may change at run time, from REQUEST_SET on, and one
 * to profile: its value is the mean interval between samples in bytes, or 0 to stop. */
enum request_slot {
    REQUEST_TRIM,
    REQUEST_SET,
    REQUEST_PROFILE = REQUEST_SET + LIVE_COUNT,
    REQUEST_SLOTS
};

/* Purpose: one request. Owner: each field has one writer. Invariant: the request is open while
 * `served` differs from `asked`; a later request in the same slot replaces an open one. */
struct request {
    _Atomic uint32_t asked;  /* written by the command: incremented after `value` is written */
    _Atomic uint32_t served; /* written by the process: a copy of `asked`, set after `result` */
    _Atomic int64_t value;   /* written by the command: the new value of a setting */
    int64_t
        result; /* written by the process: for a trim, bytes given back; else 0, or -1 if refused */
};

/* Purpose: all requests. Owner: the command sets is_waiting after all else; the thread that has set
 * is_serving clears it. */
struct requests {
    _Atomic uint32_t is_waiting;
    _Atomic bool is_serving;
    /* the lease: while the command profiles, it writes a new number about once a second. If the
     * number stays the same for REQUEST_LEASE_MS, the command is gone, and profiling for it
     * ends. */
    _Atomic uint32_t profile_lease;
    struct request slots[REQUEST_SLOTS];
};
extern struct requests requests;

#define REQUEST_LEASE_MS 10000

/* Serve the open requests: `trim` is the function that trims, and returns the bytes given back;
 * `profile` the one that starts profiling or, for 0, stops it. For slow paths of the program's
 * threads. The caller may hold no lock. */
void request_serve(size_t (*trim)(void), bool (*profile)(uint64_t interval));
/* Serve them in the helper thread. It leaves changes of the limit and profiling to slow paths,
 * since it may not look up limits or read the list of mapped files. */
void request_serve_by_helper(size_t (*trim)(void));
/* In a forked child: the requests were to the parent, so none is open here; and the thread that was
 * serving one does not exist. */
void request_reset_in_child(void);

static inline bool request_is_waiting(void)
{
    /* relaxed: the thread that serves reads the slots with acquire */
    return unlikely(atomic_load_explicit(&requests.is_waiting, memory_order_relaxed) != 0);
}

#endif
