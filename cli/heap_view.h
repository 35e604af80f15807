/* SPDX-License-Identifier: MIT */
/*
 * A copy of a target's heap, made from outside by way of hakmem_root, and what can be asked of it:
 * its extents in address order, the state of each block, who holds what, and the terms that add up
 * to the process's RSS. The heap may change while it is copied: what does not fit together is
 * counted in `implausible` and left out. So much of it that no change explains it, or more than the
 * target has memory for, is a damaged heap: an error.
 */
#ifndef HAK_CLI_HEAP_VIEW_H
#define HAK_CLI_HEAP_VIEW_H

#include "diag/root.h"
#include "page_set.h"
#include "target.h"

#define PAGES_PER_SUPERSLAB (SUPERSLAB_SIZE / TARGET_PAGE)
/* Blocks in an extent at most: the smallest class's in a slab. */
#define EXTENT_BLOCKS_MAX (SLAB_SIZE / BLOCK_ALIGN)
#define HOLDER_DEPOT UINT32_MAX

/* A free block that lies in a thread's cache or a depot. */
struct cached_block {
    uint64_t address;
    uint32_t holder; /* index into threads, or HOLDER_DEPOT */
    uint32_t size_class;
};

/* One thread's cache. */
struct thread_view {
    uint32_t thread_id;
    char name[16]; /* "" in a core, or when the thread has ended */
    uint64_t blocks;
    uint64_t bytes;   /* of the blocks in its bins */
    uint64_t granted; /* what its bins may hold */
};

/* The records of one superslab, and the bitmaps that lie outside them. */
struct record_view {
    struct slab slabs[SLABS_PER_SUPERSLAB];
    uint64_t *bits[SLABS_PER_SUPERSLAB]; /* NULL: not read, or inline */
};

/* What the table says of superslabs that follow each other. */
#define CHUNK_SUPERSLABS ((size_t)64)
struct superslab_chunk {
    struct superslab superslabs[CHUNK_SUPERSLABS];
    struct record_view *records[CHUNK_SUPERSLABS]; /* NULL where there are none */
};

/* Purpose: the copy. Invariant: chunks[i] holds the superslabs from index first + i *
 * CHUNK_SUPERSLABS on, or is NULL where the table has only zeros: the table of a large address
 * space is mostly that. cached is sorted by address, and has no address twice. meta_left is what
 * may still be copied of the metadata arena: at first what it really has, and some more because it
 * may grow meanwhile. Each copy takes from it, so that records which name the same memory again and
 * again come to an end. */
struct heap_view {
    struct target *target;
    uint64_t root_address;
    struct root root;
    bool is_empty; /* the target has not set its heap up yet, or uses libc's */
    uint64_t base;
    size_t first; /* superslab indexes */
    size_t count;
    struct superslab_chunk **chunks;
    struct page_set pages; /* resident ones, from the first superslab on */
    uint64_t meta_left;
    bool is_over; /* meta_left did not suffice */
    struct space space;
    struct meta_arena meta;
    struct settings settings;
    uint64_t purged_bytes;
    uint64_t fb_counts[HAK_FB_COUNT];
    struct thread_view *threads;
    size_t thread_count;
    struct cached_block *cached;
    size_t cached_count;
    size_t cached_room;
    struct traffic traffic[CLASS_HUGE + 1]; /* by class since the start; what caches let pass */
    unsigned implausible;
};

/* Copy the heap of an open target. False: see target->error. */
bool heap_view_open(struct heap_view *view, struct target *target);
void heap_view_close(struct heap_view *view);

/* Copy of the metadata arena; false when it does not lie there, cannot be read, or is more than the
 * arena has. */
bool heap_meta_read(struct heap_view *view, const void *pointer, void *into, size_t size);

/* heap_table.c: copy the table of superslabs, the records and the bitmaps. False: see the target's
 * error. */
bool heap_table_read(struct heap_view *view);
void heap_table_free(struct heap_view *view);
/* A superslab (index below count), its records or NULL. */
const struct superslab *heap_superslab(const struct heap_view *view, size_t index);
struct record_view *heap_records(const struct heap_view *view, size_t index);
/* How many superslabs from `index` on have only zeros in the table, as far as one step tells. */
size_t heap_unused(const struct heap_view *view, size_t index);
/* Is this the record of a run of blocks, at its place? */
bool heap_is_block_run(const struct heap_view *view, size_t index, unsigned number);

/* heap_caches.c: read the threads' caches, the depots, and what passed between caches and lanes. */
void heap_caches_read(struct heap_view *view);
/* The first entry of `cached` at or above an address. */
size_t heap_caches_find(const struct heap_view *view, uint64_t address);

/* ---- extents ---- */

enum extent_kind {
    EXTENT_COLD,   /* free address space */
    EXTENT_WARM,   /* free slabs that may have pages */
    EXTENT_BLOCKS, /* blocks of one class */
    EXTENT_SPAN,   /* one ACE block */
    EXTENT_HUGE,   /* one Huge block */
    EXTENT_OTHER,  /* not the heap's, or changing now */
    EXTENT_KINDS
};

struct extent {
    enum extent_kind kind;
    uint64_t start;
    uint64_t bytes;          /* of address space */
    const struct slab *slab; /* its record: BLOCKS, SPAN, HUGE */
    const uint64_t *bits;    /* BLOCKS: which blocks are free in the slab */
};

uint64_t heap_superslab_address(const struct heap_view *view, size_t index);
/* The heap's first address and the one after its last. */
uint64_t heap_start(const struct heap_view *view);
uint64_t heap_end(const struct heap_view *view);
/* The extent that starts at `at`. False at the heap's end. */
bool heap_extent_at(const struct heap_view *view, uint64_t at, struct extent *extent);
/* The extent that holds an address of the heap. */
bool heap_extent_of(const struct heap_view *view, uint64_t address, struct extent *extent);

enum block_state { BLOCK_LIVE, BLOCK_FREE, BLOCK_IN_THREAD, BLOCK_IN_DEPOT };
/* The states of an extent's blocks (one, for a span or Huge block); returns how many. */
unsigned heap_block_states(const struct heap_view *view, const struct extent *extent,
                           uint8_t states[EXTENT_BLOCKS_MAX]);
/* How many blocks of an extent are in each state; returns how many there are. */
unsigned heap_block_counts(const struct heap_view *view, const struct extent *extent,
                           uint64_t counts[BLOCK_IN_DEPOT + 1]);

/* ---- heap_terms.c ---- */

/* One size class, or a lane: blocks by state, and the resident bytes of each. */
struct class_terms {
    uint32_t size;
    uint64_t extents;
    uint64_t blocks[BLOCK_IN_DEPOT + 1];
    uint64_t resident[BLOCK_IN_DEPOT + 1];
    uint64_t mapped;        /* bytes of address space of its extents */
    struct traffic traffic; /* blocks since the start */
};

/* RSS = live + thread_cached + depots + partly_used + purgeable + metadata + tables + others +
 * unexplained. Resident bytes all. */
struct heap_terms {
    uint64_t rss;  /* what VmRSS was at some moment of the look; 0 in a core */
    uint64_t live; /* in blocks that the program holds, whatever size it asked for */
    uint64_t thread_cached;
    uint64_t depots;
    uint64_t partly_used; /* free blocks and ends in slabs that are in use */
    uint64_t purgeable;
    uint64_t metadata;
    uint64_t tables;
    uint64_t others;     /* mappings that are not the heap's, as the kernel says; 0 in a core */
    int64_t unexplained; /* RSS less the terms' sum: the look was torn */
    struct class_terms classes[CLASS_ACE_LAST + 1];
    struct class_terms lanes[HAK_LANE_COUNT];
    uint64_t warm_bytes;
    uint64_t huge_waste; /* of warm_bytes: of huge pages, and never handed out */
    uint64_t used_bytes; /* address space of superslabs that are in use or warm */
};
/* Count the terms of a view that has just been opened. A page is looked at once, at some moment of
 * the look: so the sum lies between what VmRSS was before and after, unless pages went to and fro
 * meanwhile. Then the view is opened again, a few times at most, and `unexplained` tells what is
 * left. False: the process has ended or is another program now; the view is closed then, and the
 * target's error says which. */
bool heap_terms_count(struct heap_view *view, struct heap_terms *terms);
/* Is the mapping the heap's? The heap is a window of addresses, and others' mappings may lie
 * between its own. */
bool heap_owns(const struct heap_view *view, const struct mapping *mapping);
uint64_t heap_terms_sum(const struct heap_terms *terms);
/* Addresses of ACE and Huge blocks. HAKMEM_LIMIT counts them as if they had all their pages. */
uint64_t heap_terms_spans(const struct heap_terms *terms);
extern const char *const lane_names[HAK_LANE_COUNT];

#endif
