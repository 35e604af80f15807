/* SPDX-License-Identifier: MIT */
/*
 * Tells whether a process does anything.
 */
#ifndef HAK_CLI_ACTIVITY_H
#define HAK_CLI_ACTIVITY_H

#include "heap/target.h"

/* Purpose: what the looks at a process's threads have seen. Starts as zeros. */
struct activity {
    uint64_t ran_ns; /* processor time of all threads, when it last grew */
    double since;    /* when that was */
};

/* Look again: has the process been idle for this many seconds? It has if each thread waits, and
 * none has run in that time. False if the kernel does not say. */
bool activity_is_idle(struct activity *activity, const struct target *target, double seconds);

#endif
