/* SPDX-License-Identifier: MIT */
/*
 * Progress on standard error.
 */
#include "base/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_COLUMNS 20
#define COLUMNS 80

bool progress_is_bar(void)
{
    return isatty(STDERR_FILENO);
}

static unsigned terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS;
    return size.ws_col;
}

void progress_draw(double share, const char *words)
{
    char line[256];
    char bar[BAR_COLUMNS + 1];
    if (!progress_is_bar())
        return;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    int full = (int)(share * BAR_COLUMNS);
    memset(bar, '.', BAR_COLUMNS);
    memset(bar, '#', (size_t)full);
    bar[BAR_COLUMNS] = '\0';
    snprintf(line, sizeof line, "[%s] %3.0f %%  %s", bar, 100 * share, words);
    fprintf(stderr, "\r%.*s\033[K", (int)terminal_columns() - 1, line);
    fflush(stderr);
}

void progress_say(const char *command, const char *words)
{
    if (progress_is_bar())
        fprintf(stderr, "\r%.*s\033[K", (int)terminal_columns() - 1, words);
    else
        fprintf(stderr, "%s: %s\n", command, words);
    fflush(stderr);
}

void progress_clear(void)
{
    if (progress_is_bar())
        fputs("\r\033[K", stderr);
}
