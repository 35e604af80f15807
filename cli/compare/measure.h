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
    METRIC_CPU,      /* seconds of processors, user and system */
    METRIC_PEAK,     /* bytes: the most that was resident at a time */
    METRIC_MEAN_RSS, /* bytes: over time; NAN when the run was too short for a look */
    METRIC_MINOR,    /* page faults */
    METRIC_MAJOR,
    METRIC_COUNT
};

/* What runs, and with what for input and output. */
struct job {
    const char *command; /* ours, for messages */
    char **argv;
    int input;         /* a file's descriptor, read from its start in each run */
    bool shows_output; /* else standard output and error go to /dev/null */
};

enum run_state {
    RUN_GOOD,
    RUN_FAILED,      /* see ->failure */
    RUN_INTERRUPTED, /* by a signal to us, and ended for it */
};

struct run {
    enum run_state state;
    char failure[80];
    int signal;               /* INTERRUPTED: which */
    struct provider provider; /* what the process that was largest really used */
    double values[METRIC_COUNT];
};

/* Run it once. EXIT_SUCCESS when it ran, however it ended; else the status to exit with, after one
 * line. */
int measure_run(const struct job *job, const struct allocator *allocator, struct run *run);

/* The signal that has asked us to end, or 0. Known once a first run has been started. */
int measure_interrupted(void);

#endif
