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

#include "base/config.h"
#include "program/program.h"

enum report_state { REPORT_MISSING, REPORT_INCOMPLETE, REPORT_COMPLETE };

/* The keys of a report, in the order of the file, besides version, pid, program, command, end. */
#define REPORT_LANE_KEYS(X, lane)                                                                  \
    X(lane_##lane##_live_bytes)                                                                    \
    X(lane_##lane##_live_blocks)                                                                   \
    X(lane_##lane##_cached_bytes)                                                                  \
    X(lane_##lane##_free_bytes)
#define REPORT_KEYS(X)                                                                             \
    X(reserved_bytes)                                                                              \
    X(mapped_bytes)                                                                                \
    X(warm_bytes)                                                                                  \
    X(metadata_bytes)                                                                              \
    X(purged_bytes)                                                                                \
    X(threads)                                                                                     \
    X(rss_bytes)                                                                                   \
    X(peak_rss_bytes)                                                                              \
    REPORT_LANE_KEYS(X, tiny)                                                                      \
    REPORT_LANE_KEYS(X, pool)                                                                      \
    REPORT_LANE_KEYS(X, ace)                                                                       \
    REPORT_LANE_KEYS(X, huge)                                                                      \
    X(fb_force_libc)                                                                               \
    X(fb_foreign_free)                                                                             \
    X(fb_foreign_realloc)                                                                          \
    X(fb_foreign_usable)                                                                           \
    X(fb_init_wait)

enum report_key {
#define ROW(key) KEY_##key,
    REPORT_KEYS(ROW)
#undef ROW
        KEY_COUNT
};

/* One process's report. Values hold only in state REPORT_COMPLETE: every key and the end seen. */
struct report {
    enum report_state state;
    pid_t pid;
    unsigned number; /* 0, or of a later process with the same pid */
    char version[16];
    char program[32]; /* the process's name as the kernel had it at exit */
    char command[REPORT_COMMAND_BYTES];
    uint64_t value[KEY_COUNT];
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
const char *report_key_name(size_t key);
/* Live bytes and blocks of all lanes of a complete report. */
uint64_t report_live_bytes(const struct report *report);
uint64_t report_live_blocks(const struct report *report);

#endif
