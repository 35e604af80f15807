/* SPDX-License-Identifier: MIT */
/*
 * Puts lines on the screen, cut to its width.
 */
#include "look/top_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void top_put_line(int line, chtype attributes, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    attron(attributes);
    mvaddnstr(line, 0, text, COLS);
    attroff(attributes);
}

void top_add_field(struct top_line *line, int width, const char *text)
{
    int gap = line->width > 0;
    int room = (int)sizeof line->text - 1;
    line->is_full = line->is_full || line->width + gap + abs(width) > (COLS < room ? COLS : room);
    if (!line->is_full)
        line->width += snprintf(line->text + line->width, sizeof line->text - (size_t)line->width,
                                "%*s%*.*s", gap, "", width, abs(width), text);
}
