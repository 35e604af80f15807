/* SPDX-License-Identifier: MIT */
/*
 * Figures of a program's life: the basis of advice on its memory.
 */
#ifndef HAK_CLI_HEAP_FACTS_H
#define HAK_CLI_HEAP_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/advice.h"

/* Resident bytes of one size class, or of Huge blocks. */
struct class_bytes {
    uint64_t live;   /* in blocks that the program holds */
    uint64_t pinned; /* free blocks beside them, in slabs that have a live block */
};

/* The resident memory at one look. */
struct moment {
    double at; /* seconds since the start */
    uint64_t rss;
    uint64_t live;
    uint64_t cached;                   /* in thread caches */
    uint64_t pinned;                   /* the sum of its classes */
    uint64_t purgeable;                /* free, and kept for reuse */
    uint64_t others;                   /* not of the heap */
    const struct class_bytes *classes; /* CLASS_HUGE + 1 of them */
};

/* Purpose: the basis of all advice. */
struct heap_facts {
    const struct moment *moments; /* in the order of time; without a look at the exit */
    size_t count;                 /* at least 1 */
    struct moment peak;
    size_t threads; /* with a cache */
    uint64_t faults;
    uint64_t purged; /* bytes given back to the kernel, in all */
    double user_seconds;
    double system_seconds;
    int64_t decay_ms;
    bool has_helper;           /* HAKMEM_BACKGROUND is 1 */
    int64_t limit;             /* 0: none */
    uint64_t caches_total_max; /* bytes */
};

/* Add "blocks of 1024 bytes" or "Huge blocks" to the line. */
void heap_add_class(struct advice *advice, unsigned size_class);

static inline const struct moment *heap_last_moment(const struct heap_facts *facts)
{
    return &facts->moments[facts->count - 1];
}

#endif
