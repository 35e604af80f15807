/* SPDX-License-Identifier: MIT */
/*
 * Profiling in a process that was not started for it, for the time of the looks.
 */
#ifndef HAK_CLI_PROFILING_H
#define HAK_CLI_PROFILING_H

#include "sites/attachment.h"

/* Purpose: the state of our request to a process to profile. Begin with zero. */
struct profiling {
    struct attachment attachment;
    bool is_asked;
    bool was_on; /* it has profiled for us */
};

/* Ask the process of an open view to profile, unless it does so by itself. The view stays open
 * until profiling_end. */
void profiling_begin(struct profiling *profiling, const struct heap_view *view);
/* Renew the lease: to be called about every 50 ms, and at least every few seconds. */
void profiling_look(struct profiling *profiling);
/* Ask it to stop. False: it does so when it next allocates. */
bool profiling_end(struct profiling *profiling);

#endif
