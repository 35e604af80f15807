/* SPDX-License-Identifier: MIT */
/*
 * A copy of a target's heap profile. The target may write anything there. So a stack is believed
 * only if its hash is right, a figure only if it is within its bounds, and the copy is not larger
 * than the memory that the target has.
 */
#ifndef HAK_CLI_PROFILE_VIEW_H
#define HAK_CLI_PROFILE_VIEW_H

#include "heap/view.h"

/* The figures of one call stack and label; counts may be fractions. */
struct site_view {
    uint32_t label; /* of hak_alloc_at; 0: none */
    uint32_t depth;
    const uint64_t *frames; /* innermost first; NULL: the stack was not kept */
    double alloc_count;
    double live_count;
    double peak_count;
    uint64_t alloc_bytes;
    uint64_t live_bytes;
    uint64_t peak_bytes;
    uint64_t requested_bytes;
    uint32_t lifetimes[PROFILE_LIFETIMES];
    uint32_t slot; /* in the target's table, by which samples name it */
    /* of live blocks, from pinners.c: the free bytes that they keep resident, their own bytes in
     * the same pages, and the number of these blocks */
    double pinned_bytes;
    double pinned_own_bytes;
    double pinned_count;
};

/* A live block that was sampled. */
struct sample_view {
    uint64_t address;
    uint64_t size; /* usable bytes */
    uint64_t requested;
    double weight;  /* the number of blocks that it stands for */
    uint64_t at_ms; /* of its allocation, by CLOCK_MONOTONIC_COARSE */
    uint32_t thread;
    uint32_t site; /* its index in `sites`; SAMPLE_NO_SITE: it was not read */
};
#define SAMPLE_NO_SITE UINT32_MAX

/* Purpose: the copy. Invariant: the sites' frames lie in `stacks`; sites are sorted by slot, and
 * samples by address, each once. */
struct profile_view {
    uint64_t interval;
    uint64_t started_ms;
    uint64_t started_at_ms; /* the same by CLOCK_MONOTONIC_COARSE */
    uint64_t peak_epoch;
    bool is_on;
    unsigned clients;      /* bits of enum profile_client */
    uint64_t memory_start; /* of the profile itself, in the target */
    uint64_t memory_end;
    struct site_view *sites;
    size_t site_count;
    struct sample_view *samples;
    size_t sample_count;
    uint64_t *stacks;
    uint64_t partly_free; /* free resident bytes of the heap in pages that have used bytes */
    uint64_t dropped;     /* samples, sites and stacks that the target had no room for */
    unsigned implausible;
};

/* Copy the profile of a heap whose view is open. False: see the target's error; that profiling was
 * never on is one. */
bool profile_view_open(struct profile_view *copied, struct heap_view *view);
void profile_view_close(struct profile_view *copied);
/* Subtract an earlier copy of the same profile: then the allocated figures and the lifetimes are
 * those since then. The live figures, and those at the peak, stay. */
void profile_view_subtract(struct profile_view *copied, const struct profile_view *earlier);
/* The range of addresses of the profile in the target; an empty range: there never was one. */
void profile_view_memory(const struct heap_view *view, uint64_t *start, uint64_t *end);
/* The clients for which profiling is on: bits of enum profile_client. False: the target cannot be
 * read. */
bool profile_view_clients(const struct heap_view *view, unsigned *clients, bool *has_profile);

#endif
