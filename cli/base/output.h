/* SPDX-License-Identifier: MIT */
/*
 * A file that a verb will write in its end: opened before anything runs, so that a path that cannot
 * be written to costs nobody their time.
 */
#ifndef HAK_CLI_OUTPUT_H
#define HAK_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output {
    const char *command; /* for messages */
    const char *path;    /* NULL: not asked for, and the calls below do nothing */
    FILE *file;
    bool is_new; /* there was no such file before */
};

/* What is in the file stays until output_begin. False, after one line: it cannot be written to. */
bool output_open(struct output *output);
/* The file, empty now. */
FILE *output_begin(struct output *output);
/* Gives `status` back, or EXIT_FAILURE after one line when not all could be written. */
int output_end(struct output *output, int status);
/* Nothing will be written: a file that was not there before goes again. */
void output_drop(struct output *output);

#endif
