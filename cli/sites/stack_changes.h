/* SPDX-License-Identifier: MIT */
/*
 * A figure of two moments or files, by call stack: what grew, and what shrank. Stacks are the same
 * if their functions are: addresses and lines differ from run to run, and from build to build.
 */
#ifndef HAK_CLI_STACK_CHANGES_H
#define HAK_CLI_STACK_CHANGES_H

#include <stdio.h>

#include "sites/pprof_read.h"
#include "sites/stacks.h"
#include "sites/string_table.h"

enum change_side { CHANGE_BEFORE, CHANGE_AFTER, CHANGE_SIDES };

struct stack_change {
    struct pprof_frame *frames; /* from outside the allocator on; the texts are of who added them */
    size_t count;
    size_t own; /* the first frame that is not a library's of the language */
    double bytes[CHANGE_SIDES];
    double blocks[CHANGE_SIDES];
};

/* Purpose: the stacks. Invariant: rows[i] has the i-th key. Begin with zero. */
struct stack_changes {
    struct string_table keys;
    struct stack_change *rows;
    double bytes[CHANGE_SIDES];
    double blocks[CHANGE_SIDES];
};

/* Purpose: what stands above the table. */
struct changes_title {
    const char *names[CHANGE_SIDES]; /* the files, or twice the process */
    double seconds;                  /* from one to the other; NAN: not known */
    uint64_t interval;               /* the larger one; 0: not known */
    enum figure figure;
    size_t rows; /* at most */
};

/* Add a stack, innermost frame first, or more of it. */
void stack_changes_add(struct stack_changes *changes, enum change_side side,
                       const struct pprof_frame *frames, size_t count, const double figures[2]);
void stack_changes_print(FILE *out, const struct stack_changes *changes,
                         const struct changes_title *title);
void stack_changes_print_json(FILE *out, const struct stack_changes *changes,
                              const struct changes_title *title);
void stack_changes_free(struct stack_changes *changes);

#endif
