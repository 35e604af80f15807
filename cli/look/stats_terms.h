/* SPDX-License-Identifier: MIT */
/*
 * The terms of a heap's memory as a list, with their names.
 */
#ifndef HAK_CLI_STATS_TERMS_H
#define HAK_CLI_STATS_TERMS_H

#include "heap/terms.h"

/* A term of the RSS, with its names. The terms are in their fixed order. */
struct term {
    const char *key;   /* in JSON and metrics */
    const char *label; /* for people */
    uint64_t bytes;
};
#define TERM_COUNT 8
void stats_terms(const struct heap_terms *terms, struct term rows[TERM_COUNT]);

#endif
