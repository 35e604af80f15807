/* SPDX-License-Identifier: MIT */
/*
 * Figures in words, as every verb writes them.
 */
#ifndef HAK_CLI_TEXT_H
#define HAK_CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

struct short_text text_of_percent(double part, double whole);
/* A whole decimal number of digits only. */
bool text_to_number(const char *text, uint64_t *number);

/* Writes to a file what is added; writer_flush ends it. */
struct writer writer_of(FILE *out);
/* Text as a string of JSON, quotes included. */
void json_text(FILE *out, const char *text);

#endif
