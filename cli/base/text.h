/* SPDX-License-Identifier: MIT */
/*
 * Figures as text, in the same form for every verb.
 */
#ifndef HAK_CLI_TEXT_H
#define HAK_CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

struct short_text text_of_percent(double part, double whole);
/* Parse a decimal number; the text must have digits only. */
bool text_to_number(const char *text, uint64_t *number);
/* Parse a time: "500ms", "60s", "5m", "1h", or a number of seconds; from 1 ms to 168 h. */
bool text_to_seconds(const char *text, double *seconds);

/* A writer that writes to a file; end with writer_flush. */
struct writer writer_of(FILE *out);
/* Write text as a JSON string, with its quotes. */
void json_text(FILE *out, const char *text);

#endif
