/* SPDX-License-Identifier: MIT */
/*
 * The data of `hakmem compare`. compare.c is the verb, compare_rows.c has the rows, compare_loop.c
 * measures, compare_decision.c decides, compare_advice.c puts the decision into words, and the
 * other files write it.
 */
#ifndef HAK_CLI_COMPARE_H
#define HAK_CLI_COMPARE_H

#include <stdio.h>

#include "base/advice.h"
#include "base/text.h"
#include "compare/measure.h"
#include "compare/statistics.h"

/* With fewer rounds than this, narrow intervals are no reason to stop. */
#define ROUNDS_LEAST 5

/* One allocator and its runs. Invariant: the intervals are computed from the runs; if failure[0] is
 * set, the allocator is left out. */
struct contender {
    struct allocator allocator;
    double *values[METRIC_COUNT];
    size_t runs;
    struct interval intervals[METRIC_COUNT];
    char failure[80];
};

enum ending { ENDED_PRECISE, ENDED_TIME, ENDED_ROUNDS, ENDED_INTERRUPTED, ENDED_FAILED };

/* Purpose: a comparison. The first group of fields is the user's request. */
struct comparison {
    struct job job;
    double precision; /* of wall time, as a share */
    double time_limit;
    size_t rounds_asked; /* 0: precision and time decide */

    struct contender *contenders;
    size_t count;
    struct provider as_it_is; /* the allocator that the program uses if nothing is preloaded */
    struct advice notes;      /* on the rows */
    size_t rounds;            /* without the warm-up */
    double seconds;
    enum ending ending;
    int signal;
    int status; /* why the program could not start, as an exit status; 0: it could */
};

/* ---- compare_rows.c ---- */

/* Make a row for each allocator of the list; takes the list over. */
void compare_make_rows(struct comparison *comparison, struct allocator_list *list);
void compare_free_rows(struct comparison *comparison);
/* The row of the program as it is; NULL: not wanted. */
struct contender *compare_bare(const struct comparison *comparison);
/* Name the row of the program as it is after the allocator that a run has shown. If nothing else
 * has been measured yet (is_early), glibc gets its own row if possible, and a row that would be the
 * same measurement twice is removed. */
void compare_name_bare(struct comparison *comparison, const struct provider *provider,
                       bool is_early);

/* ---- compare_loop.c ---- */

void compare_measure(struct comparison *comparison);

/* ---- compare_decision.c ---- */

/* The metrics that decide: the first ones. */
#define CRITERIA ((enum metric)(METRIC_PEAK + 1))

/* The relation of one contender to another, in one metric. */
enum relation {
    RELATION_LESS,
    RELATION_SAME, /* both are known so well that there can be no difference of interest */
    RELATION_MORE,
    RELATION_UNKNOWN, /* the noise is larger than the difference */
};

enum verdict {
    VERDICT_NOTHING, /* fewer than two allocators have been measured */
    VERDICT_ONE_RUN, /* of some allocator, so the noise is not known */
    VERDICT_UNKNOWN, /* no allocator is known to be better, but one may be */
    VERDICT_STAY,    /* it is known that no allocator is better than the baseline */
    VERDICT_CHANGE,  /* see picks */
};

/* A contender to use instead of the baseline, and the metrics that are a reason for it. */
struct pick {
    const struct contender *contender;
    bool is_for[CRITERIA];
};

/* Purpose: everything that the text says. Invariant: pick_count > 0 exactly if the verdict is
 * VERDICT_CHANGE; each metric in which a contender beats the baseline is a reason for exactly one
 * of the picks. */
struct decision {
    enum verdict verdict;
    const struct contender *baseline; /* NULL: nothing was measured */
    struct pick picks[CRITERIA];
    size_t pick_count;
    double noise[CRITERIA]; /* the largest difference that the noise may hide; 0: none */
    size_t runs_wanted; /* runs that would show the differences that may be there; 0: too many */
};

void compare_decide(const struct comparison *comparison, struct decision *decision);

/* The contenders that are known to need more than the baseline, and how much more. */
struct lead {
    size_t count;
    double least;
    double most;
    const struct contender *last; /* one of them */
    bool has_rival;               /* for some contender that is not known */
};
struct lead compare_lead(const struct comparison *comparison, const struct contender *baseline,
                         enum metric metric);
enum relation compare_relation(const struct comparison *comparison, const struct contender *a,
                               const struct contender *b, enum metric metric);
/* The contender with which the others are compared: the program as it is, or the first one that did
 * not fail. NULL: none. */
const struct contender *compare_baseline(const struct comparison *comparison);
/* Of the contenders that are better in this metric beyond noise, the one with the lowest mean;
 * NULL: none. */
const struct contender *compare_better(const struct comparison *comparison,
                                       const struct contender *contender, enum metric metric);
/* Is no contender better in this metric beyond noise? */
bool compare_is_best(const struct comparison *comparison, const struct contender *contender,
                     enum metric metric);
/* Does it have figures? */
bool compare_is_alive(const struct contender *contender);

/* ---- compare_advice.c ---- */

/* The last line is the recommendation. */
void compare_advise(const struct comparison *comparison, struct advice *advice);
/* The reason why the measurement ended, as a clause: "the intervals are narrow enough". */
const char *compare_ending(const struct comparison *comparison);

/* ---- The forms ---- */

/* "34 rounds and a part of another in 10.0 s: the time was spent", for a line of its own. */
void compare_print_rounds(FILE *out, const struct comparison *comparison);

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
