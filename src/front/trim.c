/* SPDX-License-Identifier: MIT */
/*
 * Owns the order in which all free memory goes back to the kernel: first the bins of the threads,
 * then the depots, then the slabs, and last the warm pool. Each step gives memory to the layer
 * below, so nothing is left between them. May hold no lock.
 */
#include "front/trim.h"
#include "front/background.h"
#include "front/misuse.h"
#include "front/owned_heap.h"
#include "front/unified_cache.h"

size_t trim_all(void)
{
    bool is_pending;
    decay_count(true);
    uint64_t before = decay_returned_bytes();
    unified_cache_empty();
    background_empty_others();
    misuse_stop_at_fault(depot_trim(true));
    idle_pages_purge(&shared_pool, 0, &is_pending);
    owned_heap_purge_idle(0, &is_pending);
    purge_warm();
    mapping_review();
    uint64_t after = decay_returned_bytes();
    decay_count(false);
    return (size_t)(after - before);
}
