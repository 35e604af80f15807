/* SPDX-License-Identifier: MIT */
/*
 * A job: a child of the server that looks at processes and makes an answer. If a process or its
 * files do harm to their reader, they do it to the child only: its time and memory are bounded, and
 * the server never waits for it.
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

/* Purpose: the task of a child. Equal orders may share a job. */
struct order {
    job_work *work;
    pid_t pid;                 /* 0: all processes */
    unsigned seconds;          /* the time of a difference; 0: no difference */
    int variant;               /* a parameter of the work */
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

/* Start a child that may take this time. False: no child can be made now. */
bool job_start(struct job *job, const struct order *order, double seconds);
/* Read the bytes that the child has written so far, without waiting. True: the answer has ended,
 * complete or not. */
bool job_read(struct job *job);
/* End the child if it still runs, and make its answer; if the child has failed, the answer says so.
 * A child that hangs in the kernel still exists after that: returns its number then, else 0. */
pid_t job_end(struct job *job, struct answer *answer);

#endif
