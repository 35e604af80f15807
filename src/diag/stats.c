/* SPDX-License-Identifier: MIT */
/*
 * The snapshot: computed from bins, depots, slab records and span figures when it is asked for. A
 * block is live if it has left its slab and lies in no cache.
 */
#include "diag/diag.h"
#include "diag/figures.h"
#include "front/owned_heap.h"

#include <string.h>

/* Other threads move blocks while we count, so a difference may be negative: then it is 0. */
static size_t difference(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

static struct traffic sum(struct traffic a, struct traffic b)
{
    return (struct traffic){a.refilled + b.refilled, a.flushed + b.flushed};
}

static void add_block_class(struct class_figures *figures, struct pool_figures *pool,
                            unsigned size_class, size_t in_bins)
{
    pool_count(&shared_pool, size_class, pool);
    figures->slabs = pool->slabs;
    figures->free = pool->blocks_free;
    figures->depot = depot_count(size_class);
    figures->cached = in_bins + figures->depot;
    figures->live = difference(pool->blocks_out, figures->cached);
    figures->traffic = sum(pool->traffic, depot_traffic(size_class));
}

/* Spans in bins are free, but have left their lane. */
static void add_span_class(struct class_figures *figures, unsigned size_class, size_t in_bins)
{
    figures->traffic = span_traffic(size_class);
    figures->cached = in_bins;
    figures->live = difference(figures->traffic.refilled - figures->traffic.flushed, in_bins);
}

static void add_traffic(struct hak_stats *stats, unsigned lane, struct traffic traffic)
{
    stats->traffic[lane].refilled_blocks += traffic.refilled;
    stats->traffic[lane].flushed_blocks += traffic.flushed;
}

static void add_lane(struct hak_stats *stats, unsigned number, const struct class_figures *figures)
{
    struct hak_lane_stats *lane = &stats->lane[number];
    add_traffic(stats, number, figures->traffic);
    lane->live_blocks += figures->live;
    lane->live_bytes += (uint64_t)figures->live * figures->size;
    lane->cached_bytes += (uint64_t)figures->cached * figures->size;
    lane->free_bytes += (uint64_t)figures->free * figures->size;
}

static void add_huge(struct hak_stats *stats)
{
    struct traffic traffic = span_traffic(CLASS_HUGE);
    add_traffic(stats, HAK_LANE_HUGE, traffic);
    stats->lane[HAK_LANE_HUGE].live_blocks = traffic.refilled - traffic.flushed;
    stats->lane[HAK_LANE_HUGE].live_bytes = atomic_load_explicit(&huge_bytes, memory_order_relaxed);
}

/* Fill in the fields of version 2, and the version. */
static void add_sums(struct snapshot *snapshot)
{
    struct hak_stats *stats = &snapshot->stats;
    uint64_t in_depots = 0;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        const struct class_figures *figures = &snapshot->classes[size_class];
        in_depots += (uint64_t)figures->depot * figures->size;
    }
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        stats->thread_cached_bytes += stats->lane[lane].cached_bytes;
    stats->thread_cached_bytes = difference(stats->thread_cached_bytes, in_depots);
    stats->depot_bytes = in_depots;
    stats->version = HAK_STATS_VERSION;
}

/* Fill in the figures of all classes, with those of owned heaps. `owned` is NULL if there was no
 * memory for them. */
static void add_classes(struct snapshot *snapshot, struct pool_figures *owned,
                        const size_t in_bins[CLASS_COUNT])
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        struct class_figures *figures = &snapshot->classes[size_class];
        struct pool_figures pool = {0};
        if (owned && is_block_class(size_class))
            pool = owned[size_class];
        figures->size = size_classes[size_class].size;
        if (is_block_class(size_class))
            add_block_class(figures, &pool, size_class, in_bins[size_class]);
        else
            add_span_class(figures, size_class, in_bins[size_class]);
        add_lane(&snapshot->stats, lane_of_class(size_class), figures);
    }
}

void snapshot_take(struct snapshot *snapshot)
{
    const size_t owned_bytes = (CLASS_POOL_LAST + 1) * sizeof(struct pool_figures);
    size_t in_bins[CLASS_COUNT];
    size_t threads;
    struct hak_stats *stats = &snapshot->stats;
    memset(snapshot, 0, sizeof(*snapshot));
    if (reservation_get()->size == 0)
        return;
    stats->metadata_bytes = meta_used_bytes();
    struct pool_figures *owned = meta_alloc(owned_bytes);
    thread_cache_count_blocks(in_bins, &threads);
    if (owned)
        owned_heap_count(owned);
    add_classes(snapshot, owned, in_bins);
    if (owned)
        meta_free(owned, owned_bytes);
    add_huge(stats);
    struct slab_figures slabs;
    slab_count(&slabs);
    stats->reserved_bytes = reservation_bytes();
    stats->mapped_bytes = slabs.mapped_bytes;
    snapshot->peak_bytes = (uint64_t)space_peak_superslabs() << SUPERSLAB_SHIFT;
    stats->warm_bytes = slabs.warm_bytes;
    stats->huge_waste_bytes = slabs.huge_page_waste;
    stats->purged_bytes = decay_purged_bytes();
    stats->threads = threads;
    add_sums(snapshot);
}

/* ---- a snapshot in metadata ---- */

_Static_assert(sizeof(struct snapshot) <= META_FREE_MAX, "what is borrowed can be given back");

/* The snapshot if there is no heap, or no memory for another one. */
static const struct snapshot nothing;

const struct snapshot *snapshot_borrow(void)
{
    size_t metadata = meta_used_bytes(); /* before we take some of it ourselves */
    struct snapshot *snapshot = reservation_get()->size ? meta_alloc(sizeof(*snapshot)) : NULL;
    if (!snapshot)
        return &nothing;
    snapshot_take(snapshot);
    snapshot->stats.metadata_bytes = metadata;
    return snapshot;
}

void snapshot_return(const struct snapshot *snapshot)
{
    if (snapshot != &nothing)
        meta_free((void *)(uintptr_t)snapshot, sizeof(*snapshot));
}
