/* SPDX-License-Identifier: MIT */
/*
 * A job: a child of the server that looks at processes and makes an answer. What a process or its
 * files do to their reader, they do to the child: its time and memory are bounded, and the server
 * never waits for it.
 */
#ifndef HAK_CLI_JOB_H
#define HAK_CLI_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "serve/answer.h"

struct order;
/* The work of a child: writes the body, sets the kind of text, returns the status. */
typedef unsigned job_work(const struct order *order, FILE *out, enum content *content);

/* Purpose: what a child is asked to do. Two orders that are equal may share a job. */
struct order {
    job_work *work;
    pid_t pid;                 /* 0: all processes */
    unsigned seconds;          /* for a difference over time; 0: none is asked for */
    int variant;               /* what the work makes of it */
    const void *context;       /* memory of the server that the child reads */
    const uint64_t *addresses; /* to be named */
    size_t address_count;
};
bool order_is_equal(const struct order *a, const struct order *b);

/* Purpose: a child that is running. Invariant: pipe >= 0 as long as its answer is awaited. */
struct job {
    struct order order;
    pid_t child; /* 0: none */
    int pipe;
    double due; /* by clock_seconds() */
    char *bytes;
    size_t length;
    size_t room;
};

/* Start a child that has so many seconds. False: there can be none now. */
bool job_start(struct job *job, const struct order *order, double seconds);
/* Read what the child has written, without waiting. True: it has come to an end, good or bad. */
bool job_read(struct job *job);
/* End the child if it has not ended, and make its answer: a failure of the child is a status. The
 * child may still exist, if it hangs in the kernel: returns its number then, else 0. */
pid_t job_end(struct job *job, struct answer *answer);

#endif
