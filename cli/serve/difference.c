/* SPDX-License-Identifier: MIT */
/*
 * Subtracts one profile from a later one of the same process.
 */
#include "serve/difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Any order will do. It compares the depths first, so stacks of different depth need no comparison
 * of their frames. */
static int compare_sites(const void *a, const void *b)
{
    const struct site_view *left = *(const struct site_view *const *)a;
    const struct site_view *right = *(const struct site_view *const *)b;
    if (left->label != right->label)
        return left->label < right->label ? -1 : 1;
    if (left->depth != right->depth)
        return left->depth < right->depth ? -1 : 1;
    return left->depth ? memcmp(left->frames, right->frames, left->depth * sizeof *left->frames)
                       : 0;
}

static void take_site(struct site_view *last, const struct site_view *first)
{
    last->alloc_count -= first->alloc_count;
    last->alloc_bytes -= first->alloc_bytes;
    last->live_count -= first->live_count;
    last->live_bytes -= first->live_bytes;
    last->requested_bytes -= first->requested_bytes;
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++)
        last->lifetimes[i] -= first->lifetimes[i];
}

/* Keep the sites with a figure that is not 0. */
static void keep_changed(struct profile_view *last)
{
    size_t kept = 0;
    for (size_t i = 0; i < last->site_count; i++)
        if (last->sites[i].alloc_bytes || last->sites[i].live_bytes)
            last->sites[kept++] = last->sites[i];
    last->site_count = kept;
    last->sample_count = 0; /* they name sites by their place */
}

void difference_take(struct profile_view *last, const struct profile_view *first)
{
    size_t count = last->started_ms == first->started_ms ? first->site_count : 0;
    const struct site_view **order = memory_resize(NULL, count + 1, sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = &first->sites[i];
    if (count > 0)
        qsort(order, count, sizeof *order, compare_sites);
    for (size_t i = 0; i < last->site_count; i++) {
        const struct site_view *site = &last->sites[i];
        const struct site_view **found = count > 0 ? bsearch(&site, order, count, sizeof *order,
                                                             compare_sites)
                                                   : NULL;
        last->sites[i].peak_count = 0;
        last->sites[i].peak_bytes = 0;
        last->sites[i].pinned_bytes = 0;
        if (found)
            take_site(&last->sites[i], *found);
    }
    free(order);
    keep_changed(last);
}
