/* SPDX-License-Identifier: MIT */
/*
 * Whether a process does anything.
 */
#ifndef HAK_CLI_ACTIVITY_H
#define HAK_CLI_ACTIVITY_H

#include "heap/target.h"

/* Purpose: what was seen of a process's threads. Starts as zeros. */
struct activity {
    uint64_t ran_ns; /* processor time of all threads, at the last look at which it had grown */
    double since;    /* when that was */
};

/* Look again: has the process been idle for so many seconds? It is if each thread waits for
 * something, and none has run since. Not if the kernel does not say. */
bool activity_is_idle(struct activity *activity, const struct target *target, double seconds);

#endif
