/* SPDX-License-Identifier: MIT */
/*
 * The stacks that the user wants to leave out: those with a function that matches a pattern.
 */
#ifndef HAK_CLI_SUPPRESSIONS_H
#define HAK_CLI_SUPPRESSIONS_H

#include "sites/stacks.h"

/* Purpose: the patterns, in the form of fnmatch. Begin with zero. */
struct suppressions {
    char **patterns;
    size_t count;
};

void suppressions_add(struct suppressions *suppressions, const char *pattern);
/* Add the patterns of a file, one a line; a line that begins with '#' is a comment. If the file
 * cannot be read, the process ends with one line that begins with `command`. */
void suppressions_read(struct suppressions *suppressions, const char *command, const char *path);
/* Does a function of the stack match a pattern, with or without its parameters? */
bool suppressions_match(const struct suppressions *suppressions, const struct named_stack *stack);

#endif
