/* SPDX-License-Identifier: MIT */
/*
 * Owns the arena for metadata: records, thread caches, magazines, batches. It lies away from the
 * blocks, so that no overflow of a block can reach it. It is a bump pointer through one part of the
 * reservation, and free lists by size. Nothing is given back to the kernel here; but a piece of
 * whole pages begins at a page, so that its owner may purge it. Its lock is the innermost: no other
 * lock may be taken under it.
 */
#include "slab/meta.h"

#include <string.h>

/* Bytes made present ahead: one call costs less than the fault of a second page. */
#define META_POPULATE (16 * KIB)

struct free_block {
    struct free_block *next;
};

state_data struct meta_arena meta_arena;

void meta_init(char *start, size_t size, bool mapped)
{
    meta_arena.start = meta_arena.at = meta_arena.present = start;
    meta_arena.end = start + size;
    meta_arena.mapped = mapped ? meta_arena.end : start;
}

/* Map and populate `size` more bytes at meta_arena.at. */
static bool make_room_locked(size_t size)
{
    if (size > (size_t)(meta_arena.end - meta_arena.at))
        return false;
    while (size > (size_t)(meta_arena.mapped - meta_arena.at)) {
        if (META_STEP > (size_t)(meta_arena.end - meta_arena.mapped) ||
            os_map_at(meta_arena.mapped, META_STEP) != OS_MAP_DONE)
            return false;
        meta_arena.mapped += META_STEP;
    }
    if (meta_arena.at + size > meta_arena.present) {
        char *present = (char *)align_up((uintptr_t)meta_arena.at + size, META_POPULATE);
        present = present < meta_arena.mapped ? present : meta_arena.mapped;
        os_populate(meta_arena.present, (size_t)(present - meta_arena.present));
        meta_arena.present = present;
    }
    return true;
}

static void push_locked(void *block, size_t size)
{
    struct free_block *freed = block;
    freed->next = meta_arena.free[size / META_ALIGN];
    meta_arena.free[size / META_ALIGN] = freed;
}

/* Put the bytes below the next page into the free lists, in pieces of the sizes that magazines
 * have. */
static void skip_to_page_locked(size_t gap)
{
    while (gap > 0) {
        size_t piece = gap >= 1024 ? 1024 : gap >= 256 ? 256 : META_ALIGN;
        push_locked(meta_arena.at, piece);
        meta_arena.at += piece;
        gap -= piece;
    }
}

static void *bump_locked(size_t size)
{
    size_t gap = size % META_PAGE == 0 ? -(uintptr_t)meta_arena.at % META_PAGE : 0;
    if (!make_room_locked(gap + size))
        return NULL;
    skip_to_page_locked(gap);
    void *block = meta_arena.at;
    meta_arena.at += size;
    return block;
}

static void *alloc_locked(size_t size)
{
    if (size <= META_FREE_MAX) {
        struct free_block *block = meta_arena.free[size / META_ALIGN];
        if (block) {
            meta_arena.free[size / META_ALIGN] = block->next;
            memset(block, 0, size);
            return block;
        }
    }
    return bump_locked(size);
}

void *meta_alloc(size_t size)
{
    size = align_up(size, META_ALIGN);
    lock_acquire(&meta_arena.lock);
    void *block = alloc_locked(size);
    if (block)
        meta_arena.used += size;
    lock_release(&meta_arena.lock);
    return block;
}

void meta_free(void *block, size_t size)
{
    size = align_up(size, META_ALIGN);
    check_invariant(size <= META_FREE_MAX);
    lock_acquire(&meta_arena.lock);
    push_locked(block, size);
    meta_arena.used -= size;
    lock_release(&meta_arena.lock);
}

size_t meta_used_bytes(void)
{
    lock_acquire(&meta_arena.lock);
    size_t used = meta_arena.used;
    lock_release(&meta_arena.lock);
    return used;
}
