/* SPDX-License-Identifier: MIT */
/*
 * One run of a program under one allocator, measured from outside.
 */
#ifndef HAK_CLI_MEASURE_H
#define HAK_CLI_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "compare/allocators.h"
#include "compare/provider.h"

enum metric {
    METRIC_WALL,     /* seconds */
    METRIC_CPU,      /* processor seconds, user and system */
    METRIC_PEAK,     /* bytes: the most resident at one time */
    METRIC_MEAN_RSS, /* bytes: the mean over time; NAN if the run was too short for a look */
    METRIC_MINOR,    /* page faults */
    METRIC_MAJOR,
    METRIC_COUNT
};

/* What to run, with its input and output. */
struct job {
    const char *command; /* ours, for messages */
    char **argv;
    int input;         /* the descriptor of a file, read from its start in each run */
    bool shows_output; /* else standard output and error go to /dev/null */
};

enum run_state {
    RUN_GOOD,
    RUN_FAILED,      /* see ->failure */
    RUN_INTERRUPTED, /* a signal to us has ended it */
};

struct run {
    enum run_state state;
    char failure[80];
    int signal;               /* the signal, if RUN_INTERRUPTED */
    struct provider provider; /* the allocator that the largest process really used */
    double values[METRIC_COUNT];
};

/* Run it once. Returns EXIT_SUCCESS if it ran, however it ended; else, after one line, the exit
 * status. */
int measure_run(const struct job *job, const struct allocator *allocator, struct run *run);

/* The signal that has told us to end, or 0. Known once the first run has been started. */
int measure_interrupted(void);

#endif
