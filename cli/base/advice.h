/* SPDX-License-Identifier: MIT */
/*
 * Sentences of advice, built piece by piece.
 */
#ifndef HAK_CLI_ADVICE_H
#define HAK_CLI_ADVICE_H

#include <stddef.h>

#define ADVICE_LINES 12
#define ADVICE_LENGTH 560

struct advice {
    size_t count; /* complete lines */
    char lines[ADVICE_LINES][ADVICE_LENGTH];
};

/* Add to the line that is being made. A line that is too long is cut. */
void advice_add(struct advice *advice, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void advice_end_line(struct advice *advice);

#endif
