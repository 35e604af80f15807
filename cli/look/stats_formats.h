/* SPDX-License-Identifier: MIT */
/*
 * A heap's figures in forms for programs.
 */
#ifndef HAK_CLI_STATS_FORMATS_H
#define HAK_CLI_STATS_FORMATS_H

#include <stdio.h>

#include "heap/terms.h"

void stats_print_json(FILE *out, const struct heap_view *view, const struct heap_terms *terms);
void stats_print_metrics(FILE *out, const struct heap_view *view, const struct heap_terms *terms);

#endif
