/* SPDX-License-Identifier: MIT */
/*
 * `hakmem run --operations`: the memory in which the recorder's library counts the program's calls,
 * and its content at the end.
 */
#ifndef HAK_CLI_RUN_CALLS_H
#define HAK_CLI_RUN_CALLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "operations.h"

/* Purpose: calls by size class and kind, summed over threads. */
struct run_calls {
    struct operations *shared; /* NULL: the user did not ask for it */
    bool is_counted;           /* the program has counted */
    uint64_t by_class[CLASS_HUGE + 1][OPERATION_KINDS];
    uint64_t total[OPERATION_KINDS];
};

/* Preload the library that counts, and make the shared memory. If that fails, ends the process with
 * one line that begins with `command`. */
void run_calls_begin(struct run_calls *calls, const char *command);
/* The program with that pid has ended: add its numbers up. */
void run_calls_end(struct run_calls *calls, pid_t pid);
/* The number of calls that returned a block of a class, without realloc. */
uint64_t run_calls_new(const struct run_calls *calls, unsigned size_class);

#endif
