/* SPDX-License-Identifier: MIT */
/*
 * The difference between two profiles, by call stack.
 */
#ifndef HAK_CLI_PROFILE_DIFF_H
#define HAK_CLI_PROFILE_DIFF_H

#include "heap/choose.h"
#include "sites/stacks.h"

struct profile_diff {
    const char *command;
    enum figure figure;
    size_t rows; /* at most; 0: 10, and all in JSON */
    bool is_json;
};

/* Two files in pprof's form. Returns the exit status. */
int profile_diff_files(const struct profile_diff *diff, const char *const paths[2]);
/* A process now, and after some time, or at Ctrl-C. */
int profile_diff_process(const struct profile_diff *diff, const char *pid, double seconds);

#endif
