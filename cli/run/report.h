/* SPDX-License-Identifier: MIT */
/*
 * The reports that processes with the library leave at their exit.
 */
#ifndef HAK_CLI_REPORT_H
#define HAK_CLI_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "diag/figures.h"
#include "program/program.h"

enum report_state { REPORT_MISSING, REPORT_INCOMPLETE, REPORT_COMPLETE };

/* The report of one process (docs/FIGURES.md). Its figures are set only in the state
 * REPORT_COMPLETE. */
struct report {
    enum report_state state;
    pid_t pid;
    unsigned number; /* 0; for a later process with the same pid, its NUMBER */
    char version[16];
    char program[32]; /* the name of the process at its exit, from the kernel */
    char command[REPORT_COMMAND_BYTES];
    struct figures figures; /* for the whole heap, and the RSS */
    struct report_lane {
        uint64_t live_bytes;
        uint64_t live_blocks;
        uint64_t cached_bytes;
        uint64_t free_bytes;
    } lanes[HAK_LANE_COUNT];
    uint64_t libc_calls[HAK_FB_COUNT];
};

/* Purpose: all reports of one run; none of them is MISSING. */
struct reports {
    struct report *list;
    size_t count;
};

/* Collect the reports in `directory`. Files older than `since` belong to earlier runs and do not
 * count. */
void reports_collect(struct reports *reports, const char *directory, struct timespec since);
void reports_free(struct reports *reports);
/* The report of a process; if it has left none, a report in the state MISSING. */
const struct report *reports_find(const struct reports *reports, pid_t pid);
/* Live bytes and blocks in all lanes of a complete report. */
uint64_t report_live_bytes(const struct report *report);
uint64_t report_live_blocks(const struct report *report);

#endif
