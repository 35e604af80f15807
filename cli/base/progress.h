/* SPDX-License-Identifier: MIT */
/*
 * Progress on standard error: a bar that is drawn over where standard error is a terminal, lines
 * where it is not.
 */
#ifndef HAK_CLI_PROGRESS_H
#define HAK_CLI_PROGRESS_H

#include <stdbool.h>

/* Whether progress is a bar. */
bool progress_is_bar(void);
/* Draw the bar: a share from 0 to 1, and a few words. Nothing where progress is lines. */
void progress_draw(double share, const char *words);
/* A few words, over the ones before where standard error is a terminal, else as a line that begins
 * with `command`. */
void progress_say(const char *command, const char *words);
/* Take the bar away, for other output. */
void progress_clear(void);

#endif
