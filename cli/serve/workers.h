/* SPDX-License-Identifier: MIT */
/*
 * The jobs that run at the same time: their number is bounded, and a process whose job has not
 * ended gets no second one.
 */
#ifndef HAK_CLI_WORKERS_H
#define HAK_CLI_WORKERS_H

#include "serve/job.h"

/* The most jobs: looks at one process; differences, which wait between two looks; and one look at
 * all processes. */
#define WORKERS_SHORT 8
#define WORKERS_LONG 8
#define WORKERS_COUNT (1 + WORKERS_SHORT + WORKERS_LONG)
#define WORKERS_ENDED_MAX 64

/* Purpose: a child that was told to end and has not: it hangs in the kernel. */
struct ended_child {
    pid_t child;
    pid_t pid; /* the process that it looked at */
    double since;
};

/* Purpose: the jobs. Invariant: jobs[0] looks at all processes, if it runs. Begin with zero. */
struct workers {
    struct job jobs[WORKERS_COUNT];
    struct ended_child ended[WORKERS_ENDED_MAX + WORKERS_COUNT];
    size_t ended_count;
};

/* The number of a job with this order: one that runs already, or a new one. -1: none is possible
 * now, and the answer says why. */
int workers_start(struct workers *workers, const struct order *order, struct answer *answer);
/* End a job, and make its answer. */
void workers_end(struct workers *workers, int number, struct answer *answer);
/* Collect children that have ended meanwhile. */
void workers_reap(struct workers *workers);
bool workers_is_running(const struct workers *workers, int number);

#endif
