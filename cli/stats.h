/* SPDX-License-Identifier: MIT */
/*
 * A heap's figures in three forms. stats.c is the verb and the text, stats_formats.c the forms for
 * programs.
 */
#ifndef HAK_CLI_STATS_H
#define HAK_CLI_STATS_H

#include <stdio.h>

#include "heap_view.h"

/* The terms of the identity in their order, with their names. */
struct term {
    const char *key;   /* in JSON and metrics */
    const char *label; /* for people */
    uint64_t bytes;
};
#define TERM_COUNT 8
void stats_terms(const struct heap_terms *terms, struct term rows[TERM_COUNT]);

void stats_print_json(FILE *out, const struct heap_view *view, const struct heap_terms *terms);
void stats_print_metrics(FILE *out, const struct heap_view *view, const struct heap_terms *terms);
extern const char *const stats_block_states[BLOCK_IN_DEPOT + 1];

#endif
