/* SPDX-License-Identifier: MIT */
/*
 * Gives numbers to texts: equal texts have the same number.
 */
#ifndef HAK_CLI_STRING_TABLE_H
#define HAK_CLI_STRING_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Purpose: the texts. Invariant: texts[0, count) are all different; the table does not own them.
 * Begin with zero. */
struct string_table {
    const char **texts;
    size_t count;
    uint32_t *slots; /* 0, or the number of a text and 1 */
    size_t slot_count;
};

/* The number of a text, from 0 on. The text must live as long as the table. */
size_t string_table_add(struct string_table *table, const char *text);
void string_table_free(struct string_table *table);

#endif
