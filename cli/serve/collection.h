/* SPDX-License-Identifier: MIT */
/*
 * The facts that the server has about all processes of the machine, and the job that looks at them
 * again.
 */
#ifndef HAK_CLI_COLLECTION_H
#define HAK_CLI_COLLECTION_H

#include "serve/facts.h"
#include "serve/job.h"

/* The most processes that are shown, and the bytes of metrics that one of them may have. */
#define PROCESSES_MAX 256
#define METRICS_BYTES_MAX ((size_t)128 << 10)
/* A collection looks at no further process after the first time; its job is killed after the
 * second. */
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

/* Purpose: the last collection, and the known processes that it left out. Invariant: rows and known
 * are sorted by process number. Owner: the server; a job reads it. Begin with zero. */
struct collection {
    struct process_row rows[PROCESSES_MAX];
    size_t count;
    struct known_process *known;
    size_t known_count;
    size_t known_room;
    unsigned rounds;
    pid_t next;      /* the first process that the last one had no time for; 0: none */
    size_t left_out; /* processes that were not looked at: no time, or no room */
    double seconds;  /* that it took */
    double at;       /* when it ended, by clock_seconds(); 0: there was none */
};

/* The work of a job; the order's context is the collection. */
job_work collection_work;
/* Take a job's answer. False: it is not a collection, and nothing has changed. */
bool collection_take(struct collection *collection, const struct answer *answer);
/* The number of processes that may not be read, and of bad ones. */
size_t collection_count(const struct collection *collection, enum facts_kind kind);

#endif
