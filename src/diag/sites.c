/* SPDX-License-Identifier: MIT */
/*
 * Owns the call sites: calls and bytes of each label that was given to hak_alloc_at, in an
 * open-addressed table of fixed size. Lock-free: a site claims its slot once, and then only
 * increments it. Sites that find no free slot are not counted.
 */
#include "diag/diag.h"

#define SITE_SLOTS 1024

/* Purpose: one site. Invariant: site is written once, from 0; site 0 (none) has no slot. */
struct site {
    _Atomic uint32_t site;
    _Atomic uint64_t calls;
    _Atomic uint64_t bytes;
};

static struct site sites[SITE_SLOTS];

/* The slot of a site; if is_new, a free slot is claimed for it. NULL if there is none. */
static struct site *find_site(uint32_t site, bool is_new)
{
    for (uint32_t probe = 0; probe < SITE_SLOTS; probe++) {
        /* Fibonacci hashing spreads labels that are addresses or small numbers (Knuth, vol. 3) */
        struct site *slot = &sites[(site * UINT32_C(2654435769) + probe) % SITE_SLOTS];
        uint32_t found = atomic_load_explicit(&slot->site, memory_order_relaxed);
        /* relaxed: the counters of the slot start at zero, for any site */
        if (found == 0 && is_new &&
            atomic_compare_exchange_strong_explicit(&slot->site, &found, site, memory_order_relaxed,
                                                    memory_order_relaxed))
            return slot;
        if (found == site)
            return slot;
        if (found == 0)
            return NULL;
    }
    return NULL;
}

void sites_count(uint32_t site, size_t size)
{
    struct site *slot = site ? find_site(site, true) : NULL;
    if (!slot)
        return;
    atomic_fetch_add_explicit(&slot->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->bytes, size, memory_order_relaxed);
}

bool sites_get(uint32_t site, struct hak_site *out)
{
    struct site *slot = site ? find_site(site, false) : NULL;
    if (!slot)
        return false;
    out->site = site;
    out->calls = atomic_load_explicit(&slot->calls, memory_order_relaxed);
    out->bytes = atomic_load_explicit(&slot->bytes, memory_order_relaxed);
    return true;
}

void sites_render(struct writer *writer, void (*line)(struct writer *, const struct hak_site *))
{
    for (unsigned i = 0; i < SITE_SLOTS; i++) {
        uint32_t site = atomic_load_explicit(&sites[i].site, memory_order_relaxed);
        struct hak_site figures;
        if (site && sites_get(site, &figures))
            line(writer, &figures);
    }
}
