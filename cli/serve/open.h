/* SPDX-License-Identifier: MIT */
/*
 * Opens the process that a job is about. A failure is a status and one line in the answer.
 */
#ifndef HAK_CLI_OPEN_H
#define HAK_CLI_OPEN_H

#include "heap/view.h"
#include "serve/answer.h"

/* Open a process and copy its heap. Returns ANSWER_OK; else nothing is open. */
unsigned open_heap(pid_t pid, FILE *out, struct target *target, struct heap_view *view);
/* Write the target's error. Returns the status that fits it; `other` if none does. */
unsigned open_failed(FILE *out, const struct target *target, unsigned other);

#endif
