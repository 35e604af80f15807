/* SPDX-License-Identifier: MIT */
/*
 * A file that a verb writes at its end. It is opened before anything runs: if the path cannot be
 * written, the user knows at once.
 */
#ifndef HAK_CLI_OUTPUT_H
#define HAK_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output {
    const char *command; /* for messages */
    const char *path;    /* NULL: no file was asked for, and the calls below do nothing */
    FILE *file;
    bool is_new; /* the file did not exist before */
};

/* Open the file. Its content stays until output_begin. If it cannot be written, writes one line and
 * returns false. */
bool output_open(struct output *output);
/* Empty the file, and return it for writing. */
FILE *output_begin(struct output *output);
/* Close the file. Returns `status`; if not all could be written, writes one line and returns
 * EXIT_FAILURE. */
int output_end(struct output *output, int status);
/* Close the file without writing; if it did not exist before, remove it. */
void output_drop(struct output *output);

#endif
