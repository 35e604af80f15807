/* SPDX-License-Identifier: MIT */
/*
 * Copies the free blocks that are outside slabs: in the bins of each thread, and in the depots; and
 * how many blocks moved between caches and lanes. The process may change all that while it is read.
 * Lists and bins lie in the metadata arena; heap_meta_read copies them and bounds their total size.
 * A circular list ends. A block that cannot be one, or was found already, is left out.
 */
#include "heap/caches.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "heap/process.h"
#include "heap/target_read.h"

#define THREADS_MAX ((size_t)1 << 20)

static int compare_blocks(const void *a, const void *b)
{
    uint64_t left = ((const struct cached_block *)a)->address;
    uint64_t right = ((const struct cached_block *)b)->address;
    return (left > right) - (left < right);
}

/* Sort the blocks and remove duplicates: a block may move from one cache to another while they are
 * read. */
static void order_blocks(struct heap_view *view)
{
    size_t kept = 0;
    if (view->cached_count > 0)
        qsort(view->cached, view->cached_count, sizeof view->cached[0], compare_blocks);
    for (size_t i = 0; i < view->cached_count; i++)
        if (i == 0 || view->cached[i].address != view->cached[kept - 1].address)
            view->cached[kept++] = view->cached[i];
    view->cached_count = kept;
}

static void add_block(struct heap_view *view, const void *block, uint32_t holder,
                      unsigned size_class)
{
    uint64_t address = (uintptr_t)block;
    if (address < heap_start(view) || address >= heap_end(view) || address % BLOCK_ALIGN) {
        view->implausible++;
        return;
    }
    if (view->cached_count == view->cached_room) {
        /* duplicates must not take ever more room */
        order_blocks(view);
        if (view->cached_count >= view->cached_room / 2) {
            view->cached_room = view->cached_room ? 2 * view->cached_room : 1024;
            view->cached = memory_resize(view->cached, view->cached_room, sizeof view->cached[0]);
        }
    }
    view->cached[view->cached_count++] = (struct cached_block){address, holder, size_class};
}

/* ---- threads ---- */

/* Where a bin starts: while the thread is watched the word has a bit that is no part of it. */
static void **bin_start(const union seen_thread_cache *cache, unsigned size_class)
{
    return bin_as_watched(cache->bottom[size_class], false);
}

/* The length of a bin, bounded by the greatest possible. */
static size_t bin_length(const union seen_thread_cache *cache, unsigned size_class)
{
    uintptr_t top = (uintptr_t)cache->top[size_class];
    uintptr_t bottom = (uintptr_t)bin_start(cache, size_class);
    if (top <= bottom || (top - bottom) % sizeof(void *))
        return 0;
    size_t length = (top - bottom) / sizeof(void *);
    return length <= BIN_SLOTS_MAX ? length : 0;
}

static void read_bin(struct heap_view *view, const union seen_thread_cache *cache, uint32_t index,
                     unsigned size_class)
{
    static void *blocks[BIN_SLOTS_MAX];
    struct thread_view *thread = &view->threads[index];
    size_t length = bin_length(cache, size_class);
    if (length == 0)
        return;
    if (!heap_meta_read(view, bin_start(cache, size_class), blocks, length * sizeof blocks[0])) {
        view->implausible++;
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if (!blocks[i])
            continue; /* a slot may be empty for a moment */
        thread->blocks++;
        thread->bytes += size_classes[size_class].size;
        add_block(view, blocks[i], index, size_class);
    }
}

static void read_thread(struct heap_view *view, const union seen_thread_cache *cache, bool is_named)
{
    size_t index = view->thread_count++;
    if ((index & (index - 1)) == 0)
        view->threads = memory_resize(view->threads, index ? 2 * index : 1,
                                      sizeof view->threads[0]);
    view->threads[index] = (struct thread_view){.thread_id = cache->thread_id,
                                                .granted = cache->granted};
    if (is_named)
        target_thread_name(view->target, cache->thread_id, view->threads[index].name);
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST && !view->is_over; c++)
        read_bin(view, cache, (uint32_t)index, c);
}

static void read_threads(struct heap_view *view)
{
    union seen_thread_caches list;
    union seen_thread_cache cache;
    size_t thread_count = target_thread_count(view->target);
    if (!target_read(view->target, (uintptr_t)view->root.thread_caches, &list, sizeof list)) {
        view->implausible++;
        return;
    }
    const struct thread_cache *seen = NULL; /* the same cache again means a circle (Brent 1980) */
    const struct thread_cache *at = list.live;
    while (at && at != seen && view->thread_count < THREADS_MAX) {
        if (!heap_meta_read(view, at, &cache, sizeof cache)) {
            view->implausible++;
            return;
        }
        if ((view->thread_count & (view->thread_count - 1)) == 0)
            seen = at;
        /* do not look up more names in /proc than there are threads */
        read_thread(view, &cache, view->thread_count < thread_count);
        at = cache.next;
    }
    view->implausible += at != NULL;
}

/* ---- depots ---- */

static void add_traffic(struct heap_view *view, unsigned size_class, struct traffic traffic)
{
    view->traffic[size_class].refilled += traffic.refilled;
    view->traffic[size_class].flushed += traffic.flushed;
}

static void read_depot(struct heap_view *view, const union seen_depot *depot, unsigned size_class)
{
    const struct batch *at = depot->batches;
    for (unsigned i = 0; at && i <= DEPOT_BATCHES_MAX; i++) {
        union seen_batch batch;
        if (!heap_meta_read(view, at, &batch, sizeof batch) || batch.count > BATCH_BLOCKS) {
            view->implausible++;
            return;
        }
        for (unsigned j = 0; j < batch.count; j++)
            add_block(view, batch.blocks[j], HOLDER_DEPOT, size_class);
        at = batch.next;
    }
}

static void read_depots(struct heap_view *view)
{
    union seen_depot copies[CLASS_POOL_LAST + 1];
    if (!target_read(view->target, (uintptr_t)view->root.depots, copies, sizeof copies)) {
        view->implausible++;
        return;
    }
    for (unsigned c = CLASS_FIRST; c <= CLASS_POOL_LAST; c++) {
        read_depot(view, &copies[c], c);
        add_traffic(view, c, copies[c].traffic);
    }
}

/* The traffic of the depots, and that of spans. */
static void read_traffic(struct heap_view *view)
{
    union seen_pool_traffic pools[CLASS_POOL_LAST + 1];
    union seen_span_figures spans[SPAN_CLASSES];
    if (!target_read(view->target, (uintptr_t)view->root.pool_traffic, pools, sizeof pools) ||
        !target_read(view->target, (uintptr_t)view->root.span_figures, spans, sizeof spans)) {
        view->implausible++;
        return;
    }
    for (unsigned c = CLASS_FIRST; c <= CLASS_POOL_LAST; c++)
        add_traffic(view, c, pools[c].traffic);
    for (unsigned i = 0; i < SPAN_CLASSES; i++)
        add_traffic(
            view, CLASS_POOL_LAST + 1 + i,
            (struct traffic){atomic_load(&spans[i].refilled), atomic_load(&spans[i].flushed)});
}

void heap_caches_read(struct heap_view *view)
{
    read_threads(view);
    read_depots(view);
    read_traffic(view);
    order_blocks(view);
}

size_t heap_caches_find(const struct heap_view *view, uint64_t address)
{
    size_t low = 0;
    size_t high = view->cached_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->cached[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
