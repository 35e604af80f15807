/* SPDX-License-Identifier: MIT */
/*
 * What `hakmem compare` measures, and the forms in which it tells it. compare.c is the verb,
 * compare_rows.c has the rows, compare_loop.c measures, compare_decision.c decides what follows,
 * compare_advice.c puts that into words, the other files write it.
 */
#ifndef HAK_CLI_COMPARE_H
#define HAK_CLI_COMPARE_H

#include <stdio.h>

#include "base/advice.h"
#include "base/text.h"
#include "compare/measure.h"
#include "compare/statistics.h"

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
    struct provider as_it_is; /* what the program uses when nothing is preloaded */
    struct advice notes;      /* on the rows */
    size_t rounds;            /* counted ones */
    double seconds;
    enum ending ending;
    int signal;
    int status; /* what kept the program from starting, as an exit status; 0: nothing did */
};

/* ---- compare_rows.c ---- */

/* A row for each allocator of the list, which is used up. */
void compare_make_rows(struct comparison *comparison, struct allocator_list *list);
void compare_free_rows(struct comparison *comparison);
/* The row of the program as it is; NULL: not asked for. */
struct contender *compare_bare(const struct comparison *comparison);
/* A run of the program as it is has shown what it uses: name its row after that. When nothing else
 * has been measured yet, `is_early`, glibc gets a row of its own where that is possible, and what
 * would be measured twice goes. */
void compare_name_bare(struct comparison *comparison, const struct provider *provider,
                       bool is_early);

/* ---- compare_loop.c ---- */

void compare_measure(struct comparison *comparison);

/* ---- compare_decision.c ---- */

/* What is decided by: the first metrics. */
#define CRITERIA ((enum metric)(METRIC_PEAK + 1))

/* One contender beside another, in one metric. */
enum relation {
    RELATION_LESS,
    RELATION_SAME, /* both are known so well that no difference worth a word can be there */
    RELATION_MORE,
    RELATION_UNKNOWN, /* the noise is larger than the difference */
};

enum verdict {
    VERDICT_NOTHING, /* fewer than two allocators have been measured */
    VERDICT_ONE_RUN, /* of some allocator: no noise is known */
    VERDICT_UNKNOWN, /* nothing is known to be better, and something may be */
    VERDICT_STAY,    /* nothing is better than the baseline, and that is known */
    VERDICT_CHANGE,  /* see picks */
};

/* A contender to take instead of the baseline, and the metrics that speak for it. */
struct pick {
    const struct contender *contender;
    bool is_for[CRITERIA];
};

/* Purpose: all that the words say. Invariant: pick_count > 0 exactly with VERDICT_CHANGE; each
 * metric in which some contender beats the baseline speaks for exactly one of the picks. */
struct decision {
    enum verdict verdict;
    const struct contender *baseline; /* NULL: nothing was measured */
    struct pick picks[CRITERIA];
    size_t pick_count;
    double noise[CRITERIA]; /* the most that hides a difference from the baseline; 0: none does */
    size_t runs_wanted;     /* to see the differences that may be there; 0: too many */
};

void compare_decide(const struct comparison *comparison, struct decision *decision);

/* The contenders that are known to need more than the baseline, and by what share of theirs. */
struct lead {
    size_t count;
    double least;
    double most;
    const struct contender *last; /* one of them */
    bool has_rival;               /* of others that is not known */
};
struct lead compare_lead(const struct comparison *comparison, const struct contender *baseline,
                         enum metric metric);
enum relation compare_relation(const struct comparison *comparison, const struct contender *a,
                               const struct contender *b, enum metric metric);
/* The contender that others are compared with: the program as it is, or the first one that did not
 * fail. NULL: there is none. */
const struct contender *compare_baseline(const struct comparison *comparison);
/* Of those that are better in this metric beyond noise, the one with the lowest mean; NULL: nobody
 * is. */
const struct contender *compare_better(const struct comparison *comparison,
                                       const struct contender *contender, enum metric metric);
/* Whether nobody is better in this metric beyond noise. */
bool compare_is_best(const struct comparison *comparison, const struct contender *contender,
                     enum metric metric);
/* Whether it has figures. */
bool compare_is_alive(const struct contender *contender);

/* ---- compare_advice.c ---- */

/* The last line is the recommendation. */
void compare_advise(const struct comparison *comparison, struct advice *advice);
/* Why it ended, as a clause: "the intervals are narrow enough". */
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
