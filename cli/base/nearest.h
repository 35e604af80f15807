/* SPDX-License-Identifier: MIT */
/*
 * Finds the name that a misspelt word most likely means.
 */
#ifndef HAK_CLI_NEAREST_H
#define HAK_CLI_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Purpose: a search. Invariant: of the names tried so far, none is nearer to the word than
 * `name`. */
struct nearest {
    const char *word;
    size_t length;
    unsigned distance; /* the distance of `name`, or the greatest one allowed */
    const char *name;  /* NULL: no name is near */
};

/* Begin a search for the first `length` letters of `word`. Upper and lower case count as equal. */
struct nearest nearest_begin(const char *word, size_t length);
void nearest_try(struct nearest *nearest, const char *name);

/* ": did you mean 'stats'?", or an empty text; `prefix` comes before the name. */
struct nearest_text {
    char bytes[64];
};
struct nearest_text nearest_text(const struct nearest *nearest, const char *prefix);

#endif
