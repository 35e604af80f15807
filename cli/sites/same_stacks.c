/* SPDX-License-Identifier: MIT */
/*
 * Joins sites by the text of their frames. Addresses are numbered first, so that the text of each
 * address is made once. The work is bounded by the size of the profile.
 */
#include "sites/same_stacks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sites/string_table.h"

/* The number of a text that was allocated. The table takes the text, or it is freed. */
static size_t number_of(struct string_table *table, char *text)
{
    size_t known = table->count;
    size_t number = string_table_add(table, text);
    if (number < known)
        free(text);
    return number;
}

static void free_texts(struct string_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free((char *)table->texts[i]);
    string_table_free(table);
}

/* The functions at an address, with their lines and files: as much as a table shows of them. */
static char *text_of_frames(const struct frame *frames, size_t count)
{
    char *text = NULL;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        const char *file = frames[i].file ? frames[i].file : "";
        const char *module = frames[i].module ? frames[i].module->name : "";
        size_t more = strlen(frames[i].function) + strlen(file) + strlen(module) + 16;
        text = memory_resize(text, length + more, 1);
        length += (size_t)snprintf(text + length, more, "%s\n%s\n%s\n%" PRIu32 "\n",
                                   frames[i].function, file, module, frames[i].line);
    }
    return text;
}

/* The number of each address: addresses that a table shows alike have the same one. */
static size_t *number_addresses(const struct symbols *symbols)
{
    struct string_table table = {0};
    size_t *numbers = memory_resize(NULL, symbols->count + 1, sizeof *numbers);
    for (size_t i = 0; i < symbols->count; i++) {
        size_t count;
        const struct frame *frames = symbols_at(symbols, symbols->addresses[i], &count);
        numbers[i] = number_of(&table, text_of_frames(frames, count));
    }
    numbers[symbols->count] = symbols->count; /* of an address that is not among the symbols */
    free_texts(&table);
    return numbers;
}

/* The label of a site, and the numbers of its addresses. */
static char *text_of_site(const struct symbols *symbols, const size_t *numbers,
                          const struct site_view *site)
{
    size_t size = 16 + (size_t)site->depth * 20;
    char *text = memory_resize(NULL, size, 1);
    size_t length = (size_t)snprintf(text, size, "%" PRIu32, site->label);
    for (uint32_t i = 0; i < site->depth; i++)
        length += (size_t)snprintf(text + length, size - length, " %zx",
                                   numbers[symbols_number(symbols, site->frames[i])]);
    return text;
}

static void add(struct site_view *sum, const struct site_view *site)
{
    sum->alloc_count += site->alloc_count;
    sum->live_count += site->live_count;
    sum->peak_count += site->peak_count;
    sum->alloc_bytes += site->alloc_bytes;
    sum->live_bytes += site->live_bytes;
    sum->peak_bytes += site->peak_bytes;
    sum->requested_bytes += site->requested_bytes;
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++)
        sum->lifetimes[i] += site->lifetimes[i];
    sum->pinned_bytes += site->pinned_bytes;
    sum->pinned_own_bytes += site->pinned_own_bytes;
    sum->pinned_count += site->pinned_count;
}

struct site_view *same_stacks_join(const struct named_profile *named, size_t *count)
{
    const struct profile_view *view = &named->view;
    struct string_table table = {0};
    struct site_view *sites = memory_resize(NULL, view->site_count + 1, sizeof *sites);
    size_t *numbers = number_addresses(&named->symbols);
    size_t joined = 0;
    for (size_t i = 0; i < view->site_count; i++) {
        char *text = text_of_site(&named->symbols, numbers, &view->sites[i]);
        size_t number = number_of(&table, text);
        if (number == joined)
            sites[joined++] = view->sites[i];
        else
            add(&sites[number], &view->sites[i]);
    }
    *count = joined; /* last: it may be the view's own */
    free_texts(&table);
    free(numbers);
    return sites;
}
