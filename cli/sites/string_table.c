/* SPDX-License-Identifier: MIT */
/*
 * Gives numbers to texts, by a hash table that is never more than half full.
 */
#include "sites/string_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static size_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of a text, or the empty one that it would get. */
static uint32_t *find_slot(const struct string_table *table, const char *text)
{
    size_t at = hash_of(text) & (table->slot_count - 1);
    while (table->slots[at] != 0 && strcmp(table->texts[table->slots[at] - 1], text) != 0)
        at = (at + 1) & (table->slot_count - 1);
    return &table->slots[at];
}

static void grow(struct string_table *table)
{
    table->slot_count = table->slot_count ? 2 * table->slot_count : 64;
    free(table->slots);
    table->slots = memory_resize(NULL, table->slot_count, sizeof *table->slots);
    memset(table->slots, 0, table->slot_count * sizeof *table->slots);
    table->texts = memory_resize(table->texts, table->slot_count / 2, sizeof *table->texts);
    for (size_t i = 0; i < table->count; i++)
        *find_slot(table, table->texts[i]) = (uint32_t)(i + 1);
}

size_t string_table_add(struct string_table *table, const char *text)
{
    if (table->count == table->slot_count / 2)
        grow(table);
    uint32_t *slot = find_slot(table, text);
    if (*slot == 0) {
        table->texts[table->count++] = text;
        *slot = (uint32_t)table->count;
    }
    return *slot - 1;
}

void string_table_free(struct string_table *table)
{
    free(table->texts);
    free(table->slots);
    *table = (struct string_table){0};
}
