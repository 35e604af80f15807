/* SPDX-License-Identifier: MIT */
/*
 * A running program's heap looked at again and again from outside: its terms over time, and all of
 * it at the peak.
 */
#ifndef HAK_CLI_SAMPLER_H
#define HAK_CLI_SAMPLER_H

#include "look/map.h"
#include "look/stats_terms.h"
#include "run/heap_advice.h"

/* Kept at most; with more, each stands for twice as many. */
#define LOOKS_MOST ((size_t)1024)

/* One look, or the one of several that saw the most resident memory. The terms add up to its RSS,
 * which lies between what the kernel said before and after the look. */
struct look {
    double at;       /* seconds since the start */
    bool is_at_exit; /* the process was waiting for it in its exit */
    uint64_t rss;
    uint64_t terms[TERM_COUNT]; /* in the order of stats_terms */
    uint64_t minor_faults;      /* since the start, of the process alone */
    uint64_t major_faults;
    uint64_t threads;
    uint64_t purged; /* bytes since the start */
    struct class_bytes classes[CLASS_HUGE + 1];
};

/* The heap when most memory was resident. */
struct peak {
    struct look look;
    uint64_t live; /* bytes of the blocks that the program holds, as far as they are resident */
    uint64_t blocks;
    struct heap_terms terms;
    struct map map;
    struct thread_view *threads;
    size_t thread_count;
};

/* Purpose: what has been seen. Invariant: looks are in the order of time. */
struct sampler {
    double start;
    size_t made; /* looks at a heap, all counted */
    size_t count;
    struct look looks[LOOKS_MOST];
    size_t per_look; /* looks that one kept stands for */
    size_t in_last;  /* of these, those that the last kept one stands for */
    struct look last;
    uint64_t most;    /* RSS */
    struct peak peak; /* holds when made > 0 */
    struct settings settings;
    uint64_t fb_counts[HAK_FB_COUNT];
    struct traffic traffic[CLASS_HUGE + 1]; /* as heap_view's, at the last look */
    char error[320];                        /* why the last look failed */
};

/* `start` is of clock_seconds. */
void sampler_begin(struct sampler *sampler, double start);
/* Look at the process, which may be waiting for it in its exit. False when nothing could be seen,
 * or what was seen did not fit together: the process ended, or changed too fast. */
bool sampler_look(struct sampler *sampler, pid_t pid, bool is_at_exit);
void sampler_end(struct sampler *sampler);

#endif
