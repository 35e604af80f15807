/* SPDX-License-Identifier: MIT */
/*
 * The free blocks that lie outside slabs, in the bins of each thread and in the depots; and how
 * many blocks passed between caches and lanes. Called by heap_view.c. The owners change all that
 * while it is read; a list is followed no further than it can be long, and a block that is none is
 * left out.
 */
#include <stdlib.h>
#include <string.h>

#include "heap_view.h"

#define THREADS_MAX ((size_t)1 << 20)

static bool is_in(const void *pointer, const struct heap_view *view)
{
    uint64_t address = (uintptr_t)pointer;
    return address >= view->base && address < view->base + (view->space.count << SUPERSLAB_SHIFT);
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
        view->cached_room = view->cached_room ? 2 * view->cached_room : 1024;
        view->cached = target_resize(view->cached, view->cached_room, sizeof view->cached[0]);
    }
    view->cached[view->cached_count++] = (struct cached_block){address, holder, size_class};
}

/* ---- threads ---- */

struct bin_copy {
    void *blocks[BIN_SLOTS_MAX];
};

/* The length of a bin, as far as it can be. */
static size_t bin_length(const struct thread_heap *heap, unsigned size_class)
{
    uintptr_t top = (uintptr_t)heap->top[size_class];
    uintptr_t bottom = (uintptr_t)heap->bottom[size_class];
    if (top <= bottom || (top - bottom) % sizeof(void *))
        return 0;
    size_t length = (top - bottom) / sizeof(void *);
    return length <= BIN_SLOTS_MAX ? length : 0;
}

static void read_thread(struct heap_view *view, const struct thread_heap *heap, uint32_t index)
{
    struct bin_copy *bins = target_resize(NULL, CLASS_COUNT, sizeof *bins);
    struct piece pieces[CLASS_COUNT];
    unsigned classes[CLASS_COUNT];
    size_t count = 0;
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        size_t length = bin_length(heap, c);
        if (length == 0 || !is_in(heap->bottom[c], view))
            continue;
        classes[count] = c;
        pieces[count] = (struct piece){(uintptr_t)heap->bottom[c], bins[count].blocks,
                                       length * sizeof(void *), false};
        count++;
    }
    target_gather(view->target, pieces, count);
    struct thread_view *thread = &view->threads[index];
    *thread = (struct thread_view){.thread_id = heap->thread_id, .granted = heap->granted};
    target_thread_name(view->target, heap->thread_id, thread->name);
    for (size_t i = 0; i < count; i++) {
        size_t length = pieces[i].is_read ? pieces[i].size / sizeof(void *) : 0;
        view->implausible += !pieces[i].is_read;
        for (size_t j = 0; j < length; j++) {
            if (!bins[i].blocks[j])
                continue; /* a slot may be empty for a moment */
            thread->blocks++;
            thread->bytes += size_classes[classes[i]].size;
            add_block(view, bins[i].blocks[j], index, classes[i]);
        }
    }
    free(bins);
}

static void read_threads(struct heap_view *view)
{
    struct thread_heaps list;
    struct thread_heap heap;
    if (!target_read(view->target, (uintptr_t)view->root.thread_heaps, &list, sizeof list)) {
        view->implausible++;
        return;
    }
    const struct thread_heap *seen = NULL; /* one that comes again means a circle (Brent 1980) */
    const struct thread_heap *at = list.live;
    while (at && at != seen && view->thread_count < THREADS_MAX) {
        if (!is_in(at, view) || !target_read(view->target, (uintptr_t)at, &heap, sizeof heap)) {
            view->implausible++;
            return;
        }
        if ((view->thread_count & (view->thread_count - 1)) == 0)
            seen = at;
        view->threads = target_resize(view->threads, view->thread_count + 1,
                                      sizeof view->threads[0]);
        read_thread(view, &heap, (uint32_t)view->thread_count++);
        at = heap.next;
    }
    view->implausible += at != NULL;
}

/* ---- depots ---- */

static void add_traffic(struct heap_view *view, unsigned size_class, struct traffic traffic)
{
    view->traffic[size_class].taken += traffic.taken;
    view->traffic[size_class].given += traffic.given;
}

static void read_depot(struct heap_view *view, const struct depot *depot, unsigned size_class)
{
    const struct batch *at = depot->batches;
    for (unsigned i = 0; at && i <= DEPOT_BATCHES_MAX; i++) {
        struct batch batch;
        if (!is_in(at, view) || !target_read(view->target, (uintptr_t)at, &batch, sizeof batch) ||
            batch.count > BATCH_BLOCKS) {
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
    struct depot copies[CLASS_POOL_LAST + 1];
    if (!target_read(view->target, (uintptr_t)view->root.depots, copies, sizeof copies)) {
        view->implausible++;
        return;
    }
    for (unsigned c = CLASS_FIRST; c <= CLASS_POOL_LAST; c++) {
        read_depot(view, &copies[c], c);
        add_traffic(view, c, copies[c].traffic);
    }
}

/* What passed the depots, and spans. */
static void read_traffic(struct heap_view *view)
{
    struct pool_traffic pools[CLASS_POOL_LAST + 1];
    struct span_figures spans[SPAN_CLASSES];
    if (!target_read(view->target, (uintptr_t)view->root.pool_traffic, pools, sizeof pools) ||
        !target_read(view->target, (uintptr_t)view->root.span_figures, spans, sizeof spans)) {
        view->implausible++;
        return;
    }
    for (unsigned c = CLASS_FIRST; c <= CLASS_POOL_LAST; c++)
        add_traffic(view, c, pools[c].traffic);
    for (unsigned i = 0; i < SPAN_CLASSES; i++)
        add_traffic(view, CLASS_POOL_LAST + 1 + i,
                    (struct traffic){atomic_load(&spans[i].taken), atomic_load(&spans[i].given)});
}

static int compare_blocks(const void *a, const void *b)
{
    uint64_t left = ((const struct cached_block *)a)->address;
    uint64_t right = ((const struct cached_block *)b)->address;
    return (left > right) - (left < right);
}

void heap_caches_read(struct heap_view *view)
{
    read_threads(view);
    read_depots(view);
    read_traffic(view);
    if (view->cached_count > 0)
        qsort(view->cached, view->cached_count, sizeof view->cached[0], compare_blocks);
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
