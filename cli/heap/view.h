/* SPDX-License-Identifier: MIT */
/*
 * A copy of a target's heap, made from outside by hakmem_root. The heap may change while it is
 * copied: parts that contradict each other are counted in `implausible` and left out. If they are
 * more than changes can explain, or larger than the target's memory, the heap is damaged: an error.
 */
#ifndef HAK_CLI_VIEW_H
#define HAK_CLI_VIEW_H

#include "heap/seen.h"
#include "heap/page_set.h"
#include "heap/target.h"

#define PAGES_PER_SUPERSLAB (SUPERSLAB_SIZE / TARGET_PAGE)
#define HOLDER_DEPOT UINT32_MAX

/* A free block that lies in a thread cache or a depot. */
struct cached_block {
    uint64_t address;
    uint32_t holder; /* index into threads, or HOLDER_DEPOT */
    uint32_t size_class;
};

/* A thread cache. */
struct thread_view {
    uint32_t thread_id;
    char name[16]; /* "" in a core, or if the thread has ended */
    uint64_t blocks;
    uint64_t bytes;   /* bytes of the blocks in its bins */
    uint64_t granted; /* bytes that its bins may hold */
};

/* The records of one superslab, and the bitmaps that lie outside them. */
struct record_view {
    union seen_slab slabs[SLABS_PER_SUPERSLAB];
    uint64_t *bits[SLABS_PER_SUPERSLAB]; /* NULL: not read, or inline */
};

/* A part of the table: neighbouring superslabs. */
#define CHUNK_SUPERSLABS ((size_t)64)
struct superslab_chunk {
    union seen_superslab superslabs[CHUNK_SUPERSLABS];
    struct record_view *records[CHUNK_SUPERSLABS]; /* NULL if there are none */
};

/* Purpose: the copy. Invariant: chunks[i] has the superslabs from index first + i *
 * CHUNK_SUPERSLABS on, or is NULL if the table has only zeros there, as in most of a large address
 * space. cached is sorted by address, without duplicates. meta_left is the number of metadata bytes
 * that may still be copied: at first those that the arena has, and some more, since it may grow
 * meanwhile. Each copy reduces it; so records that name the same memory again and again come to an
 * end. */
struct heap_view {
    struct target *target;
    uint64_t root_address;
    struct root root;
    bool is_empty; /* the target has no heap yet, or uses libc's */
    uint64_t base;
    size_t first; /* superslab indexes */
    size_t count;
    struct superslab_chunk **chunks;
    struct page_set pages; /* the resident pages, from the first superslab on */
    uint64_t meta_left;
    bool is_over; /* meta_left was not enough */
    union seen_space space;
    union seen_meta_arena meta;
    struct settings settings;
    uint64_t purged_bytes;
    uint64_t fb_counts[HAK_FB_COUNT];
    struct thread_view *threads;
    size_t thread_count;
    struct cached_block *cached;
    size_t cached_count;
    size_t cached_room;
    struct traffic traffic[CLASS_HUGE + 1]; /* by class: blocks between caches and lanes */
    unsigned implausible;
};

/* The address in the target of a superslab's row (index below count). */
uint64_t heap_superslab_address(const struct heap_view *view, size_t index);
/* The heap's first address and the one after its last. */
uint64_t heap_start(const struct heap_view *view);
uint64_t heap_end(const struct heap_view *view);

/* Copy a part of the metadata. False if it does not lie in the arena, cannot be read, or is more
 * than the arena has. */
bool heap_meta_read(struct heap_view *view, const void *pointer, void *into, size_t size);

#endif
