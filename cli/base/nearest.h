/* SPDX-License-Identifier: MIT */
/*
 * The name that a misspelt word most likely stands for.
 */
#ifndef HAK_CLI_NEAREST_H
#define HAK_CLI_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Purpose: the search. Invariant: no name tried so far is nearer to the word than `name`. */
struct nearest {
    const char *word;
    size_t length;
    unsigned distance; /* of `name`, or what it may be at most */
    const char *name;  /* NULL: none is near */
};

/* The first `length` letters of `word`; upper and lower case are the same. */
struct nearest nearest_begin(const char *word, size_t length);
void nearest_try(struct nearest *nearest, const char *name);

/* ": did you mean 'stats'?", or nothing; `prefix` comes before the name. */
struct nearest_text {
    char bytes[64];
};
struct nearest_text nearest_text(const struct nearest *nearest, const char *prefix);

#endif
