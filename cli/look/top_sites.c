/* SPDX-License-Identifier: MIT */
/*
 * Reads a profile again and again. It finds names only when there are new addresses.
 */
#include "look/top_sites.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const struct site_view *find_slot(const struct site_view *sites, size_t count, uint32_t slot)
{
    size_t from = 0;
    size_t to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (sites[middle].slot < slot)
            from = middle + 1;
        else
            to = middle;
    }
    return from < count && sites[from].slot == slot ? &sites[from] : NULL;
}

/* The change of a new site is 0. */
static void find_changes(struct top_sites *sites, const struct site_view *old, size_t old_count)
{
    const struct profile_view *view = &sites->named.view;
    sites->changes = memory_resize(sites->changes, view->site_count + 1, sizeof(double));
    for (size_t i = 0; i < view->site_count; i++) {
        const struct site_view *before = find_slot(old, old_count, view->sites[i].slot);
        sites->changes[i] = before ? (double)view->sites[i].live_bytes - (double)before->live_bytes
                                   : 0;
    }
}

void top_sites_read(struct top_sites *sites, struct target *target, struct heap_view *view)
{
    struct site_view *old = NULL;
    size_t count = sites->is_read ? sites->named.view.site_count : 0;
    if (count > 0) {
        old = memory_resize(NULL, count, sizeof *old);
        memcpy(old, sites->named.view.sites, count * sizeof *old);
    }
    bool is_good = sites->is_read ? named_profile_again(&sites->named, target, view)
                                  : named_profile_open(&sites->named, target, view);
    if (is_good) {
        sites->is_read = true;
        find_changes(sites, old, count);
    } else {
        top_sites_free(sites);
        snprintf(sites->trouble, sizeof sites->trouble, "%s", target->error);
    }
    free(old);
}

void top_sites_free(struct top_sites *sites)
{
    if (sites->is_read)
        named_profile_close(&sites->named);
    free(sites->changes);
    *sites = (struct top_sites){.is_read = false};
}
