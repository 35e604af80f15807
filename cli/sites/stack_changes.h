/* SPDX-License-Identifier: MIT */
/*
 * A figure at two moments, or in two files, by call stack. Two stacks count as the same if their
 * functions are the same: addresses and lines differ between runs and builds.
 */
#ifndef HAK_CLI_STACK_CHANGES_H
#define HAK_CLI_STACK_CHANGES_H

#include <stdio.h>

#include "sites/pprof_read.h"
#include "sites/stacks.h"
#include "sites/string_table.h"

enum change_side { CHANGE_BEFORE, CHANGE_AFTER, CHANGE_SIDES };

struct stack_change {
    struct pprof_frame *frames; /* without the allocator's own; the caller owns the texts */
    size_t count;
    size_t own; /* index of the first frame that is not in the language's own library */
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

/* Purpose: the lines above the table. */
struct changes_title {
    const char *names[CHANGE_SIDES]; /* the files, or twice the process */
    double seconds;                  /* from one to the other; NAN: not known */
    uint64_t interval;               /* the larger one; 0: not known */
    enum figure figure;
    size_t rows; /* at most */
};

/* Add figures of a stack, whose frames are innermost first. */
void stack_changes_add(struct stack_changes *changes, enum change_side side,
                       const struct pprof_frame *frames, size_t count, const double figures[2]);
void stack_changes_print(FILE *out, const struct stack_changes *changes,
                         const struct changes_title *title);
void stack_changes_print_json(FILE *out, const struct stack_changes *changes,
                              const struct changes_title *title);
void stack_changes_free(struct stack_changes *changes);

#endif
