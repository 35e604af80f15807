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

/* One process's report (docs/FIGURES.md). Its figures hold only in state REPORT_COMPLETE. */
struct report {
    enum report_state state;
    pid_t pid;
    unsigned number; /* 0, or of a later process with the same pid */
    char version[16];
    char program[32]; /* the process's name as the kernel had it at exit */
    char command[REPORT_COMMAND_BYTES];
    struct figures figures; /* of the whole heap, and the RSS */
    struct report_lane {
        uint64_t live_bytes;
        uint64_t live_blocks;
        uint64_t cached_bytes;
        uint64_t free_bytes;
    } lanes[HAK_LANE_COUNT];
    uint64_t libc_calls[HAK_FB_COUNT];
};

/* Purpose: all that were left in one run, none of them MISSING. */
struct reports {
    struct report *list;
    size_t count;
};

/* The reports in `directory`. Files last written before `since` belong to earlier runs and do not
 * count. */
void reports_collect(struct reports *reports, const char *directory, struct timespec since);
void reports_free(struct reports *reports);
/* The report of a process: one that is MISSING when it has left none. */
const struct report *reports_find(const struct reports *reports, pid_t pid);
/* Live bytes and blocks of all lanes of a complete report. */
uint64_t report_live_bytes(const struct report *report);
uint64_t report_live_blocks(const struct report *report);

#endif
