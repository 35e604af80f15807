/* SPDX-License-Identifier: MIT */
/*
 * What `hakmem compare` measures, and the forms in which it tells it. compare.c is the verb,
 * compare_loop.c measures, compare_advice.c draws the conclusions, the other files write them.
 */
#ifndef HAK_CLI_COMPARE_H
#define HAK_CLI_COMPARE_H

#include <stdio.h>

#include "advice.h"
#include "cli.h"
#include "measure.h"
#include "statistics.h"

/* Below this many rounds an interval is no reason to stop. */
#define ROUNDS_LEAST 5

/* One allocator and its runs. Invariant: intervals are those of the runs; failure[0] means that
 * it is left out. */
struct contender {
    struct allocator allocator;
    double *values[METRIC_COUNT];
    size_t runs;
    struct interval intervals[METRIC_COUNT];
    char failure[80];
};

enum ending { ENDED_PRECISE, ENDED_TIME, ENDED_ROUNDS, ENDED_INTERRUPTED, ENDED_FAILED };

/* Purpose: the whole of a comparison. The first group is what was asked for. */
struct comparison {
    struct job job;
    double precision; /* of wall time, as a share */
    double time_limit;
    size_t rounds_asked; /* 0: as precision and time say */

    struct contender *contenders;
    size_t count;
    size_t rounds; /* counted ones */
    double seconds;
    enum ending ending;
    int signal;
    int status; /* what kept the program from starting, as an exit status; 0: nothing did */
};

/* ---- compare_loop.c ---- */

void compare_measure(struct comparison *comparison);

/* ---- compare_advice.c ---- */

/* The last line is the recommendation. */
void compare_advise(const struct comparison *comparison, struct advice *advice);
/* The contender that others are compared with: glibc, or the first one that did not fail. NULL:
 * there is none. */
const struct contender *compare_baseline(const struct comparison *comparison);
/* Whether nobody is better in this metric beyond noise. */
bool compare_is_best(const struct comparison *comparison, const struct contender *contender,
                     enum metric metric);
/* Why it ended, as a clause: "the intervals are narrow enough". */
const char *compare_ending(const struct comparison *comparison);

/* ---- The forms ---- */

struct metric_name {
    const char *key;   /* in JSON */
    const char *label; /* for people */
};
extern const struct metric_name metric_names[METRIC_COUNT];

struct short_text metric_text(enum metric metric, double value);
/* "± 1.2 %", or "-". */
struct short_text metric_precision(const struct interval *interval);

void compare_print_text(FILE *out, const struct comparison *comparison);
void compare_print_json(FILE *out, const struct comparison *comparison);
void compare_print_html(FILE *out, const struct comparison *comparison);

#endif
