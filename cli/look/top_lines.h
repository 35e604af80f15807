/* SPDX-License-Identifier: MIT */
/*
 * Lines of the live view's screen; for the files that draw with ncurses.
 */
#ifndef HAK_CLI_TOP_LINES_H
#define HAK_CLI_TOP_LINES_H

#include <ncurses.h>
#include <stdbool.h>
#include <stddef.h>

struct top;

/* Draw one line, cut at the edge of the screen: a row that continued in the next line would hide
 * another. */
void top_put_line(int line, chtype attributes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Purpose: a line of fields. Invariant: each field on it is complete; after the first field that
 * does not fit, none is added. */
struct top_line {
    char text[256];
    int width;
    bool is_full;
};

/* A negative width aligns at the left. */
void top_add_field(struct top_line *line, int width, const char *text);

/* Draw the call stacks that asked for the memory of the only process, from this line on.
 * top_sites_screen.c */
void top_draw_sites(const struct top *top, int line);

#endif
