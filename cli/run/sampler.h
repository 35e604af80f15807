/* SPDX-License-Identifier: MIT */
/*
 * The heap of a running program, read again and again from outside: its terms over time, and the
 * whole heap at its peak.
 */
#ifndef HAK_CLI_SAMPLER_H
#define HAK_CLI_SAMPLER_H

#include "look/map.h"
#include "look/stats_terms.h"
#include "run/heap_advice.h"
#include "run/stack_looks.h"

/* The most looks that are kept. If there are more, each kept look stands for twice as many. */
#define LOOKS_MOST ((size_t)1024)

/* One look, or of several looks the one with most resident memory. Its terms add up to its RSS,
 * which lies between the kernel's figures before and after the look. */
struct look {
    double at;       /* seconds since the start */
    bool is_at_exit; /* the process waited for it at its exit */
    uint64_t rss;
    uint64_t terms[TERM_COUNT]; /* in the order of stats_terms */
    uint64_t minor_faults;      /* since the start, of this process only */
    uint64_t major_faults;
    uint64_t threads;
    uint64_t purged; /* bytes since the start */
    struct class_bytes classes[CLASS_HUGE + 1];
};

/* The heap when most memory was resident. */
struct peak {
    struct look look;
    uint64_t live; /* bytes of live blocks, as far as they are resident */
    uint64_t blocks;
    struct heap_terms terms;
    struct map map;
    struct thread_view *threads;
    size_t thread_count;
};

/* Purpose: all looks at a process. Invariant: looks are in the order of time. */
struct sampler {
    double start;
    size_t made; /* all looks at a heap */
    size_t count;
    struct look looks[LOOKS_MOST];
    size_t per_look; /* looks for which one kept look stands */
    size_t in_last;  /* of these, the looks for which the last kept one stands */
    struct look last;
    uint64_t most;    /* RSS */
    struct peak peak; /* set if made > 0 */
    struct settings settings;
    uint64_t fb_counts[HAK_FB_COUNT];
    struct traffic traffic[CLASS_HUGE + 1]; /* as in heap_view, at the last look */
    char error[320];                        /* why the last look failed */
    struct stack_looks stacks;
};

/* `start` is a time of clock_seconds. */
void sampler_begin(struct sampler *sampler, double start);
/* Read the heap of the process, which may wait for it at its exit. False if nothing could be read,
 * or if the parts did not fit together: the process has ended, or changed too fast. */
bool sampler_look(struct sampler *sampler, pid_t pid, bool is_at_exit);
void sampler_end(struct sampler *sampler);

#endif
