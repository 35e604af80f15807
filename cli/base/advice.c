/* SPDX-License-Identifier: MIT */
/*
 * Sentences of advice.
 */
#include "base/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void advice_add(struct advice *advice, const char *format, ...)
{
    char *line = advice->lines[advice->count];
    size_t length = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + length, ADVICE_LENGTH - length, format, arguments);
    va_end(arguments);
}

void advice_end_line(struct advice *advice)
{
    if (advice->count < ADVICE_LINES - 1)
        advice->count++;
}
