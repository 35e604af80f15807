/* SPDX-License-Identifier: MIT */
/*
 * What the server knows of all processes of the machine, and the job that looks at them again.
 */
#ifndef HAK_CLI_COLLECTION_H
#define HAK_CLI_COLLECTION_H

#include "serve/facts.h"
#include "serve/job.h"

/* The most processes that are shown, and the bytes of metrics that one of them may have. */
#define PROCESSES_MAX 256
#define METRICS_BYTES_MAX ((size_t)128 << 10)
/* A collection may take so long, and comes to an end before. */
#define COLLECTION_SECONDS 8.0
#define COLLECTION_JOB_SECONDS 20.0

/* Purpose: one process that has HAKMEM and can be read. */
struct process_row {
    struct facts facts;
    char *metrics; /* as `hakmem stats --metrics` prints them, and more */
};

/* Purpose: a process that need not be looked at in each collection. */
struct known_process {
    struct facts facts;
    unsigned pause; /* collections to wait, if it is bad */
    unsigned retry_at;
};

/* Purpose: the last collection, and what is known of the processes that it has left out. Invariant:
 * rows and known are sorted by process. Owner: the server; a job reads it. Begin with zero. */
struct collection {
    struct process_row rows[PROCESSES_MAX];
    size_t count;
    struct known_process *known;
    size_t known_count;
    size_t known_room;
    unsigned rounds;
    pid_t next;      /* the first process that the last one had no time for; 0: none */
    size_t left_out; /* processes that were not looked at for want of time or of room */
    double seconds;  /* that it took */
    double at;       /* when it ended, by clock_seconds(); 0: there was none */
};

/* The work of a job; the order's context is the collection. */
job_work collection_work;
/* Take a job's answer. False: it is not a collection, and nothing has changed. */
bool collection_take(struct collection *collection, const struct answer *answer);
/* How many processes may not be read, and how many are bad. */
size_t collection_count(const struct collection *collection, enum facts_kind kind);

#endif
