/* SPDX-License-Identifier: MIT */
/*
 * Copies a heap: the root, the address space, the table of superslabs, the records and bitmaps;
 * and says what lies where. Nothing read is believed: each pointer must lie where such a thing can
 * lie, each length within its bound, each walk has an end. Called by the verbs.
 */
#include "heap_view.h"

#include <stdlib.h>
#include <string.h>

/* ---- the root ---- */

static bool is_own_layout(const struct root *root)
{
    static const uint32_t layout[ROOT_LAYOUT_COUNT] = ROOT_LAYOUT;
    return root->layout_count == ROOT_LAYOUT_COUNT &&
           memcmp(root->layout, layout, sizeof layout) == 0 &&
           memcmp(root->setting_names, ROOT_SETTING_NAMES, sizeof ROOT_SETTING_NAMES) == 0;
}

/* A core need not hold read-only data: what is not there cannot be compared. */
static bool is_own_class_table(struct target *target, const struct root *root)
{
    struct size_class classes[CLASS_COUNT];
    if (!target_read(target, (uintptr_t)root->size_classes, classes, sizeof classes))
        return true;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (classes[c].size != size_classes[c].size ||
            classes[c].blocks != size_classes[c].blocks ||
            classes[c].slabs != size_classes[c].slabs)
            return false;
    return true;
}

static bool fail_root(struct target *target, const char *what)
{
    if (target->is_core)
        return target_fail(target, "'%s': %s", target->core_path, what);
    return target_fail(target, "process %d (%s): %s", (int)target->pid, target->program, what);
}

static bool read_root(struct heap_view *view)
{
    struct target *target = view->target;
    struct root *root = &view->root;
    char what[160];
    view->root_address = target_find_root(target);
    if (!view->root_address)
        return fail_root(target, "no HAKMEM in it: libhakmem is neither loaded nor linked");
    struct root_head head;
    if (!target_read(target, view->root_address, &head, sizeof head))
        return fail_root(target, "its heap cannot be read");
    head.library_version[sizeof head.library_version - 1] = '\0';
    target_make_printable(head.library_version);
    snprintf(what, sizeof what,
             "its HAKMEM (%.15s) is not of this command's build (%s): use the hakmem that came "
             "with it",
             head.library_version, HAKMEM_VERSION_STRING);
    if (head.version != ROOT_VERSION || head.size != sizeof *root ||
        !target_read(target, view->root_address, root, sizeof *root) || !is_own_layout(root) ||
        !is_own_class_table(target, root))
        return fail_root(target, what);
    root->head = head;
    return true;
}

/* ---- the address space ---- */

#define SUPERSLABS_MAX (RESERVATION_MAX >> SUPERSLAB_SHIFT)

static bool read_space(struct heap_view *view)
{
    struct target *target = view->target;
    const struct root *root = &view->root;
    struct space *copy = &view->space;
    struct decay_clock clock = {0};
    if (!target_read(target, (uintptr_t)root->space, copy, sizeof *copy) ||
        !target_read(target, (uintptr_t)root->meta, &view->meta, sizeof view->meta) ||
        !target_read(target, (uintptr_t)root->settings, &view->settings, sizeof view->settings) ||
        !target_read(target, (uintptr_t)root->decay, &clock, sizeof clock) ||
        !target_read(target, (uintptr_t)root->fb_counts, view->fb_counts, sizeof view->fb_counts))
        return fail_root(target, target->is_core ? "it does not hold the heap's data"
                                                 : "its heap cannot be read");
    view->purged_bytes = atomic_load(&clock.purged_bytes);
    view->base = (uintptr_t)copy->base;
    view->is_empty = view->base == 0;
    if (view->is_empty)
        return true;
    uint64_t head = (uintptr_t)view->meta.end - view->base;
    view->first = head >> SUPERSLAB_SHIFT;
    if (view->base % SUPERSLAB_SIZE || head % SUPERSLAB_SIZE || copy->count > SUPERSLABS_MAX ||
        view->first > copy->count || copy->frontier > copy->count || copy->frontier < view->first ||
        view->meta.start > view->meta.at || view->meta.at > view->meta.end)
        return fail_root(target, "its heap is damaged: the address space makes no sense");
    view->count = copy->frontier - view->first;
    return true;
}

/* May metadata of this size lie there? */
static bool is_meta(const struct heap_view *view, const void *pointer, size_t size)
{
    uint64_t address = (uintptr_t)pointer;
    uint64_t start = (uintptr_t)view->meta.start;
    uint64_t end = (uintptr_t)view->meta.end;
    return address >= start && address <= end && size <= end - address;
}

static bool read_superslabs(struct heap_view *view)
{
    size_t size = sizeof view->superslabs[0];
    view->superslabs = target_resize(NULL, view->count, size);
    view->records = target_resize(NULL, view->count, sizeof view->records[0]);
    memset(view->records, 0, view->count * sizeof view->records[0]);
    uint64_t table = (uintptr_t)view->space.superslabs;
    if (view->count == 0 ||
        target_read(view->target, table + view->first * size, view->superslabs, view->count * size))
        return true;
    return fail_root(view->target, "its table of superslabs cannot be read");
}

/* ---- records ---- */

static void read_records(struct heap_view *view)
{
    struct piece *pieces = target_resize(NULL, view->count, sizeof *pieces);
    size_t *owners = target_resize(NULL, view->count, sizeof *owners);
    size_t wanted = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct superslab *superslab = &view->superslabs[i];
        size_t size = sizeof view->records[i]->slabs;
        if (!superslab->slabs)
            continue;
        if (!is_meta(view, superslab->slabs, size)) {
            view->implausible++;
            continue;
        }
        view->records[i] = target_resize(NULL, 1, sizeof *view->records[i]);
        memset(view->records[i]->bits, 0, sizeof view->records[i]->bits);
        pieces[wanted] = (struct piece){(uintptr_t)superslab->slabs, view->records[i]->slabs, size,
                                        false};
        owners[wanted++] = i;
    }
    target_gather(view->target, pieces, wanted);
    for (size_t i = 0; i < wanted; i++) {
        if (pieces[i].is_read)
            continue;
        view->implausible++;
        free(view->records[owners[i]]);
        view->records[owners[i]] = NULL;
    }
    free(pieces);
    free(owners);
}

static uint64_t superslab_address(const struct heap_view *view, size_t index)
{
    return view->base + ((view->first + index) << SUPERSLAB_SHIFT);
}

/* Is this the record of a run of blocks, at its place? */
static bool is_block_run(const struct heap_view *view, size_t index, unsigned number)
{
    const struct slab *slab = &view->records[index]->slabs[number];
    uint64_t start = superslab_address(view, index) + ((uint64_t)number << SLAB_SHIFT);
    if (slab->state != SLAB_BLOCKS || !is_block_class(slab->size_class))
        return false;
    const struct size_class *row = &size_classes[slab->size_class];
    return (uintptr_t)slab->start == start && slab->head_delta == 0 && slab->size == row->size &&
           slab->block_count == row->blocks && slab->slab_count == row->slabs &&
           number + slab->slab_count <= SLABS_PER_SUPERSLAB &&
           slab->free_count <= slab->block_count;
}

static size_t bits_size(const struct slab *slab)
{
    return (slab->block_count + 63u) / 64 * sizeof(uint64_t);
}

/* The bitmaps that do not lie in their records. */
static void read_bitmaps(struct heap_view *view)
{
    struct piece *pieces = NULL;
    size_t wanted = 0;
    for (size_t i = 0; i < view->count; i++) {
        for (unsigned number = 0; view->records[i] && number < SLABS_PER_SUPERSLAB; number++) {
            const struct slab *slab = &view->records[i]->slabs[number];
            if (!is_block_run(view, i, number) || slab->block_count <= SLAB_INLINE_WORDS * 64)
                continue;
            if (!is_meta(view, slab->bits, bits_size(slab))) {
                view->implausible++;
                continue;
            }
            uint64_t *bits = target_resize(NULL, 1, bits_size(slab));
            memset(bits, 0, bits_size(slab));
            view->records[i]->bits[number] = bits;
            if ((wanted & (wanted - 1)) == 0)
                pieces = target_resize(pieces, wanted ? 2 * wanted : 1, sizeof *pieces);
            pieces[wanted++] = (struct piece){(uintptr_t)slab->bits, bits, bits_size(slab), false};
        }
    }
    target_gather(view->target, pieces, wanted);
    for (size_t i = 0; i < wanted; i++)
        view->implausible += !pieces[i].is_read;
    free(pieces);
}

bool heap_view_open(struct heap_view *view, struct target *target)
{
    *view = (struct heap_view){.target = target};
    if (!read_root(view) || !read_space(view))
        return false;
    if (view->is_empty)
        return true;
    if (!read_superslabs(view)) {
        heap_view_close(view);
        return false;
    }
    read_records(view);
    read_bitmaps(view);
    heap_caches_read(view);
    return true;
}

void heap_view_close(struct heap_view *view)
{
    for (size_t i = 0; view->records && i < view->count; i++) {
        for (unsigned number = 0; view->records[i] && number < SLABS_PER_SUPERSLAB; number++)
            free(view->records[i]->bits[number]);
        free(view->records[i]);
    }
    free(view->records);
    free(view->superslabs);
    free(view->threads);
    free(view->cached);
    *view = (struct heap_view){0};
}

/* ---- extents ---- */

uint64_t heap_start(const struct heap_view *view)
{
    return superslab_address(view, 0);
}

uint64_t heap_end(const struct heap_view *view)
{
    return superslab_address(view, view->count);
}

/* A range of superslabs taken whole. */
static struct extent huge_extent(const struct heap_view *view, size_t index)
{
    struct extent extent = {EXTENT_OTHER, superslab_address(view, index), SUPERSLAB_SIZE, NULL,
                            NULL};
    const struct slab *slab = view->records[index] ? &view->records[index]->slabs[0] : NULL;
    if (!slab || slab->state != SLAB_HUGE || (uintptr_t)slab->start != extent.start ||
        slab->size == 0)
        return extent;
    size_t rest = view->count - index;
    size_t superslabs = (slab->size - 1) / SUPERSLAB_SIZE + 1;
    if (superslabs > rest)
        return extent;
    /* a block that shrank keeps its range */
    if (slab->inline_bits[0] > superslabs && slab->inline_bits[0] <= rest)
        superslabs = slab->inline_bits[0];
    extent.kind = EXTENT_HUGE;
    extent.bytes = (uint64_t)superslabs << SUPERSLAB_SHIFT;
    extent.slab = slab;
    return extent;
}

static struct extent free_extent(const struct superslab *superslab, uint64_t start, unsigned number)
{
    unsigned count = 1;
    bool is_warm = superslab->warm >> number & 1;
    while (number + count < SLABS_PER_SUPERSLAB && superslab->free >> (number + count) & 1 &&
           (superslab->warm >> (number + count) & 1) == is_warm)
        count++;
    return (struct extent){is_warm ? EXTENT_WARM : EXTENT_COLD, start,
                           (uint64_t)count << SLAB_SHIFT, NULL, NULL};
}

/* What starts at a slab of a superslab that is cut into slabs. */
static struct extent slab_extent(const struct heap_view *view, size_t index, unsigned number)
{
    const struct superslab *superslab = &view->superslabs[index];
    struct record_view *records = view->records[index];
    uint64_t start = superslab_address(view, index) + ((uint64_t)number << SLAB_SHIFT);
    struct extent extent = {EXTENT_OTHER, start, SLAB_SIZE, NULL, NULL};
    if (superslab->free >> number & 1)
        return free_extent(superslab, start, number);
    if (!records)
        return extent;
    const struct slab *slab = &records->slabs[number];
    if (is_block_run(view, index, number)) {
        extent.kind = EXTENT_BLOCKS;
        extent.bits = records->bits[number] ? records->bits[number] : slab->inline_bits;
    } else if (slab->state == SLAB_SPAN && (uintptr_t)slab->start == start &&
               is_span_class(slab->size_class) && slab->slab_count > 0 &&
               number + slab->slab_count <= SLABS_PER_SUPERSLAB &&
               slab->size == size_classes[slab->size_class].size &&
               slab->size <= (size_t)slab->slab_count << SLAB_SHIFT) {
        extent.kind = EXTENT_SPAN;
    }
    if (extent.kind != EXTENT_OTHER) {
        extent.slab = slab;
        extent.bytes = (uint64_t)slab->slab_count << SLAB_SHIFT;
    }
    return extent;
}

bool heap_extent_at(const struct heap_view *view, uint64_t at, struct extent *extent)
{
    if (at < heap_start(view) || at >= heap_end(view))
        return false;
    size_t index = (at - heap_start(view)) >> SUPERSLAB_SHIFT;
    unsigned number = (unsigned)((at - superslab_address(view, index)) >> SLAB_SHIFT);
    switch (view->superslabs[index].state) {
    case SUPERSLAB_SLABS: *extent = slab_extent(view, index, number); break;
    case SUPERSLAB_HUGE: *extent = huge_extent(view, index); break;
    default:
        *extent = (struct extent){view->superslabs[index].state == SUPERSLAB_FREE ? EXTENT_COLD
                                                                                  : EXTENT_OTHER,
                                  superslab_address(view, index), SUPERSLAB_SIZE, NULL, NULL};
        break;
    }
    return true;
}

/* The rows behind the first of a range say FREE where nothing had been before. */
static bool may_be_huge(const struct heap_view *view, size_t index)
{
    uint8_t state = view->superslabs[index].state;
    return state == SUPERSLAB_HUGE || state == SUPERSLAB_FREE;
}

bool heap_extent_of(const struct heap_view *view, uint64_t address, struct extent *extent)
{
    if (address < heap_start(view) || address >= heap_end(view))
        return false;
    /* a Huge block may have begun many superslabs before */
    size_t index = (address - heap_start(view)) >> SUPERSLAB_SHIFT;
    for (size_t back = index + 1; back-- > 0;) {
        if (!may_be_huge(view, index) || !may_be_huge(view, back))
            break;
        *extent = huge_extent(view, back);
        if (extent->kind == EXTENT_HUGE)
            return address - extent->start < extent->bytes;
    }
    uint64_t at = superslab_address(view, index);
    while (heap_extent_at(view, at, extent)) {
        if (address - extent->start < extent->bytes)
            return true;
        at = extent->start + extent->bytes;
    }
    return false;
}

unsigned heap_block_states(const struct heap_view *view, const struct extent *extent,
                           uint8_t states[EXTENT_BLOCKS_MAX])
{
    bool is_blocks = extent->kind == EXTENT_BLOCKS;
    unsigned count = is_blocks ? extent->slab->block_count : 1;
    for (unsigned i = 0; i < count; i++)
        states[i] = is_blocks && extent->bits[i / 64] >> (i % 64) & 1 ? BLOCK_FREE : BLOCK_LIVE;
    size_t at = heap_caches_find(view, extent->start);
    for (; at < view->cached_count; at++) {
        uint64_t offset = view->cached[at].address - extent->start;
        if (offset >= extent->bytes)
            break;
        if (offset % extent->slab->size || offset / extent->slab->size >= count)
            continue;
        uint8_t *state = &states[offset / extent->slab->size];
        if (*state == BLOCK_LIVE)
            *state = view->cached[at].holder == HOLDER_DEPOT ? BLOCK_IN_DEPOT : BLOCK_IN_THREAD;
    }
    return count;
}
