/* SPDX-License-Identifier: MIT */
/*
 * Finds the name that a misspelt word most likely means: a few letters are changed, left out, added
 * or swapped, or the word is the beginning of the name.
 */
#include "base/nearest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LETTERS_MOST ((size_t)32)
/* A word of at least this many letters counts as the beginning of a name. */
#define BEGINNING_LEAST ((size_t)3)

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool is_same_letter(char a, char b)
{
    return strncasecmp(&a, &b, 1) == 0;
}

/* Each letter that is changed, left out or added, and each swap of neighbours, counts 1. */
static unsigned distance_of(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[LETTERS_MOST + 1][LETTERS_MOST + 1];
    for (size_t i = 0; i <= a_length; i++)
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned changed = rows[i - 1][j - 1] + !is_same_letter(a[i - 1], b[j - 1]);
            rows[i][j] = least(changed, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && is_same_letter(a[i - 1], b[j - 2]) &&
                is_same_letter(a[i - 2], b[j - 1]))
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[a_length][b_length];
}

struct nearest nearest_begin(const char *word, size_t length)
{
    return (struct nearest){.word = word, .length = length, .distance = (unsigned)length / 5 + 1};
}

void nearest_try(struct nearest *nearest, const char *name)
{
    size_t length = strlen(name);
    if (nearest->length == 0 || nearest->length > LETTERS_MOST || length > LETTERS_MOST)
        return;
    unsigned distance = distance_of(nearest->word, nearest->length, name, length);
    if (nearest->length >= BEGINNING_LEAST &&
        strncasecmp(nearest->word, name, nearest->length) == 0)
        distance = 1;
    /* in a shorter word one more change would be most of it */
    if (distance > nearest->distance || distance >= nearest->length ||
        (nearest->name && distance == nearest->distance))
        return;
    nearest->distance = distance;
    nearest->name = name;
}

struct nearest_text nearest_text(const struct nearest *nearest, const char *prefix)
{
    struct nearest_text text = {""};
    if (nearest->name)
        snprintf(text.bytes, sizeof text.bytes, ": did you mean '%s%s'?", prefix, nearest->name);
    return text;
}
