/* SPDX-License-Identifier: MIT */
/*
 * Recognizes a thread that has returned from main and is in exit().
 */
#ifndef HAK_CLI_EXIT_FRAME_H
#define HAK_CLI_EXIT_FRAME_H

#include "heap/target.h"

/* The address of libc's exit(). 0: not found. */
uint64_t exit_function_find(const struct target *target);
/* If libc itself has called exit(), since main has returned: where the stack begins that is older.
 * No function of the program still uses what lies below, nor the registers. 0: the thread is not in
 * exit(), or a function of the program has called it. */
uint64_t exit_frame_find(struct target *target, uint64_t exit, uint64_t stack_pointer,
                         uint64_t end);

#endif
