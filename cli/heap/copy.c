/* SPDX-License-Identifier: MIT */
/*
 * Copies a heap: the root and the address space here, the rest with table.c and caches.c. Nothing
 * that is read is trusted: each pointer must lie in a place that is possible for it, each length
 * must be within its bound, and each walk must end.
 */
#include "heap/copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/caches.h"
#include "heap/find_root.h"
#include "heap/process.h"
#include "heap/residency.h"
#include "heap/table.h"
#include "heap/target_read.h"

/* ---- the root ---- */

static bool is_own_layout(const struct root *root)
{
    static const uint32_t layout[ROOT_LAYOUT_COUNT] = ROOT_LAYOUT;
    return root->layout_count == ROOT_LAYOUT_COUNT &&
           memcmp(root->layout, layout, sizeof layout) == 0 &&
           memcmp(root->setting_names, ROOT_SETTING_NAMES, sizeof ROOT_SETTING_NAMES) == 0;
}

/* A core need not have read-only data: data that is missing cannot be compared. */
static bool is_own_class_table(struct target *target, const struct root *root)
{
    union seen_size_class classes[CLASS_COUNT];
    if (!target_read(target, (uintptr_t)root->size_classes, classes, sizeof classes))
        return true;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (classes[c].size != size_classes[c].size ||
            classes[c].blocks != size_classes[c].blocks ||
            classes[c].slabs != size_classes[c].slabs)
            return false;
    return true;
}

/* May the root's pointers be followed? They point to static data of the same program or library. If
 * they point elsewhere it is not our root; that matters, because the request is written to. */
static bool is_root_whole(const struct heap_view *view, uint64_t home)
{
    const struct root *root = &view->root;
    const struct {
        const void *start;
        size_t size;
    } parts[] = {
        {root->space, sizeof *root->space},
        {root->meta, sizeof *root->meta},
        {root->decay, sizeof *root->decay},
        {root->settings, sizeof *root->settings},
        {root->depots, sizeof(union seen_depot[CLASS_POOL_LAST + 1])},
        {root->pool_traffic, sizeof(union seen_pool_traffic[CLASS_POOL_LAST + 1])},
        {root->span_figures, sizeof(union seen_span_figures[SPAN_CLASSES])},
        {root->thread_caches, sizeof *root->thread_caches},
        {root->fb_counts, sizeof view->fb_counts},
        {root->profile, sizeof *root->profile},
        {root->request, sizeof *root->request},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!target_is_of_root(view->target, home, (uintptr_t)parts[i].start, parts[i].size, true))
            return false;
    return target_is_of_root(view->target, home, (uintptr_t)root->size_classes,
                             sizeof(union seen_size_class[CLASS_COUNT]), false);
}

static bool read_root(struct heap_view *view)
{
    struct target *target = view->target;
    struct root *root = &view->root;
    char what[160];
    view->root_address = target_find_root(target);
    target->is_without = !view->root_address;
    if (target->is_without)
        return target_fail_named(target, "no HAKMEM in it: libhakmem is neither loaded nor linked: "
                                         "start the program with hakmem run, or with libhakmem.so "
                                         "in LD_PRELOAD");
    struct root_head head;
    if (!target_read(target, view->root_address, &head, sizeof head))
        return target_fail_named(target, "its heap cannot be read");
    head.library_version[sizeof head.library_version - 1] = '\0';
    target_make_printable(head.library_version);
    snprintf(what, sizeof what,
             "its HAKMEM (%.15s) is not of this command's build (%s): use the hakmem that came "
             "with it",
             head.library_version, HAKMEM_VERSION_STRING);
    if (head.version != ROOT_VERSION || head.size != sizeof *root ||
        !target_read(target, view->root_address, root, sizeof *root) || !is_own_layout(root))
        return target_fail_named(target, what);
    root->head = head;
    if (!is_root_whole(view, view->root_address) &&
        !is_root_whole(view, target_find_original(target, view->root_address)))
        return target_fail_damaged(target, "hakmem_root points outside its program or library");
    return is_own_class_table(target, root) || target_fail_named(target, what);
}

/* ---- the address space ---- */

/* Twice the address space that the allocator asks for at most. */
#define SPACE_BYTES_MAX ((uint64_t)64 << 40)

/* Are the parts of the reservation in their order? Computed so that no number from the target can
 * overflow. */
static bool is_space_plausible(const struct heap_view *view)
{
    const union seen_space *copy = &view->space;
    uint64_t superslabs = SPACE_BYTES_MAX >> SUPERSLAB_SHIFT;
    uint64_t table = (uintptr_t)copy->superslabs;
    uint64_t meta_start = (uintptr_t)view->meta.start;
    uint64_t meta_end = (uintptr_t)view->meta.end;
    if (view->base >= TARGET_ADDRESS_END - SPACE_BYTES_MAX || view->base % SUPERSLAB_SIZE ||
        copy->count > superslabs || copy->frontier > copy->count)
        return false;
    uint64_t end = view->base + (copy->count << SUPERSLAB_SHIFT);
    return meta_end % SUPERSLAB_SIZE == 0 && meta_end <= end && view->meta.start <= view->meta.at &&
           view->meta.at <= view->meta.end && table >= view->base && table <= meta_start &&
           table % sizeof(void *) == 0 &&
           (meta_start - table) / sizeof(union seen_superslab) >= copy->frontier &&
           copy->frontier >= (meta_end - view->base) >> SUPERSLAB_SHIFT;
}

/* Is [from, to) private memory of the process, as the allocator maps it? */
static bool is_private(const struct target *target, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < target->mapping_count && !target->is_core; i++) {
        const struct mapping *mapping = &target->mappings[i];
        if (mapping->start < to && mapping->end > from &&
            (mapping->is_shared || mapping->inode != 0))
            return false;
    }
    return true;
}

/* Read a byte, which may have any value, as a bool. */
static bool read_flag(const void *flag)
{
    unsigned char byte;
    memcpy(&byte, flag, 1);
    return byte != 0;
}

/* The metadata may grow by this much while it is copied. */
#define META_GROWTH ((uint64_t)4 << 20)

static bool read_space(struct heap_view *view)
{
    struct target *target = view->target;
    const struct root *root = &view->root;
    union seen_space *copy = &view->space;
    union seen_decay_clock clock = {0};
    if (!target_read(target, (uintptr_t)root->space, copy, sizeof *copy) ||
        !target_read(target, (uintptr_t)root->meta, &view->meta, sizeof view->meta) ||
        !target_read(target, (uintptr_t)root->settings, &view->settings, sizeof view->settings) ||
        !target_read(target, (uintptr_t)root->decay, &clock, sizeof clock) ||
        !target_read(target, (uintptr_t)root->fb_counts, view->fb_counts, sizeof view->fb_counts))
        return target_fail_named(target, target->is_core ? "it does not hold the heap's data"
                                                         : "its heap cannot be read");
    copy->is_rationed = read_flag(&copy->is_rationed);
    view->purged_bytes = atomic_load(&clock.purged_bytes);
    view->base = (uintptr_t)copy->base;
    view->is_empty = view->base == 0;
    if (view->is_empty)
        return true;
    if (!is_space_plausible(view))
        return target_fail_damaged(target, "the address space makes no sense");
    uint64_t meta_start = (uintptr_t)view->meta.start;
    uint64_t meta_at = (uintptr_t)view->meta.at;
    if (!is_private(target, (uintptr_t)copy->superslabs,
                    (uintptr_t)(copy->superslabs + copy->frontier)) ||
        !is_private(target, meta_start, meta_at))
        return target_fail_damaged(target, "its records lie in shared memory or a file");
    view->first = ((uintptr_t)view->meta.end - view->base) >> SUPERSLAB_SHIFT;
    view->count = copy->frontier - view->first;
    view->meta_left = target_own_bytes(target, meta_start / TARGET_PAGE * TARGET_PAGE,
                                       meta_at + TARGET_PAGE);
    view->meta_left += view->meta_left / 4 + META_GROWTH;
    return true;
}

/* ---- the whole ---- */

/* The pages of all open superslabs: mlockall() makes pages present after the last used superslab
 * too. */
static bool read_pages(struct heap_view *view)
{
    uint64_t end = heap_end(view);
    if (!view->space.is_rationed && view->space.opened <= view->space.count &&
        view->base + ((uint64_t)view->space.opened << SUPERSLAB_SHIFT) > end)
        end = view->base + ((uint64_t)view->space.opened << SUPERSLAB_SHIFT);
    if (!page_set_open(&view->pages, heap_start(view), end))
        return target_fail_named(view->target, "its heap is too large to be looked at");
    target_resident_pages(view->target, heap_start(view), end, &view->pages);
    return true;
}

static bool read_heap(struct heap_view *view)
{
    if (!read_root(view) || !read_space(view))
        return false;
    if (view->is_empty)
        return true;
    /* The pages first: if the heap grows meanwhile, the records that are read later know to what
     * each page belongs. In the other order, fresh blocks would look like free memory. */
    if (!read_pages(view) || !heap_table_read(view))
        return false;
    heap_caches_read(view);
    return !view->is_over || target_fail_damaged(view->target, "it names more records than it has "
                                                               "memory for");
}

bool heap_view_open(struct heap_view *view, struct target *target)
{
    *view = (struct heap_view){.target = target};
    bool is_good = read_heap(view);
    if (target->is_gone)
        is_good = process_explain(target, ESRCH);
    if (!is_good)
        heap_view_close(view);
    return is_good;
}

void heap_view_close(struct heap_view *view)
{
    heap_table_free(view);
    page_set_close(&view->pages);
    free(view->threads);
    free(view->cached);
    *view = (struct heap_view){0};
}
