/* SPDX-License-Identifier: MIT */
/*
 * `hakmem run --operations`: the memory in which the recorder's library counts the program's calls,
 * and what is in it in the end.
 */
#ifndef HAK_CLI_RUN_CALLS_H
#define HAK_CLI_RUN_CALLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "operations.h"

/* Purpose: calls by size class and kind, summed over threads. */
struct run_calls {
    struct operations *shared; /* NULL: not asked for */
    bool is_counted;           /* the program did count */
    uint64_t by_class[CLASS_HUGE + 1][OPERATION_KINDS];
    uint64_t total[OPERATION_KINDS];
};

/* Preload the library that counts, and make what it counts in, in the words of `command`. Ends the
 * process with one line when it cannot. */
void run_calls_begin(struct run_calls *calls, const char *command);
/* The program, of that pid, has ended: add its numbers up. */
void run_calls_end(struct run_calls *calls, pid_t pid);
/* Calls that gave a block of a class, realloc apart. */
uint64_t run_calls_new(const struct run_calls *calls, unsigned size_class);

#endif
