/* SPDX-License-Identifier: MIT */
/*
 * Progress on standard error: a bar that is redrawn if standard error is a terminal, else lines.
 */
#ifndef HAK_CLI_PROGRESS_H
#define HAK_CLI_PROGRESS_H

#include <stdbool.h>

/* Is progress shown as a bar? */
bool progress_is_bar(void);
/* Draw the bar: a share from 0 to 1, and a few words. Does nothing if progress is shown as
 * lines. */
void progress_draw(double share, const char *words);
/* Show a few words: on a terminal over those before, else as a line that begins with `command`. */
void progress_say(const char *command, const char *words);
/* Remove the bar, for other output. */
void progress_clear(void);

#endif
