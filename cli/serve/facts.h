/* SPDX-License-Identifier: MIT */
/*
 * The facts that the server has about one process after a look at it.
 */
#ifndef HAK_CLI_FACTS_H
#define HAK_CLI_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum facts_kind {
    FACTS_GOOD,
    FACTS_WITHOUT, /* no HAKMEM in it, or it has ended */
    FACTS_REFUSED, /* reading it is not permitted */
    FACTS_BAD      /* its heap is damaged, or a look fails or takes too long */
};

/* Purpose: the facts. It is written to a pipe as it is. Text is printable. */
struct facts {
    pid_t pid;
    enum facts_kind kind;
    uint64_t identity; /* of the program that ran: see facts_identity */
    char program[64];
    char command[256]; /* the beginning of its command line */
    char why[320];     /* if it is not good */
    uint64_t rss;
    uint64_t live;
    uint64_t cached; /* in thread caches and depots */
    uint64_t free;   /* in slabs, and pages that can be purged */
    uint64_t others; /* memory that is not the heap's */
    uint64_t threads;
    uint64_t limit; /* HAKMEM_LIMIT in bytes; 0: none */
    bool is_at_limit;
    bool has_profile;
    bool is_profiling;
    size_t text_size; /* of its metrics, which follow */
};

/* A number that changes if another program runs under the same process number. A process cannot
 * make this hang. */
uint64_t facts_identity(pid_t pid);
/* Read the name of a process, without a look at its memory. */
void facts_read_name(struct facts *facts);
/* Look at a process; if it is good, write its metrics. */
void facts_read(struct facts *facts, pid_t pid, FILE *metrics);

#endif
