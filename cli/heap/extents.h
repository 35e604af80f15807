/* SPDX-License-Identifier: MIT */
/*
 * The extents in the copy of a heap, in the order of their addresses, and the state of each block.
 */
#ifndef HAK_CLI_EXTENTS_H
#define HAK_CLI_EXTENTS_H

#include "diag/figures.h"
#include "heap/view.h"

/* The most blocks in an extent: those of the smallest class in a slab. */
#define EXTENT_BLOCKS_MAX (SLAB_SIZE / BLOCK_ALIGN)

enum extent_kind {
    EXTENT_COLD,   /* free address space */
    EXTENT_WARM,   /* free slabs that may have pages */
    EXTENT_BLOCKS, /* blocks of one class */
    EXTENT_SPAN,   /* one ACE block */
    EXTENT_HUGE,   /* one Huge block */
    EXTENT_OTHER,  /* not part of the heap, or changing now */
    EXTENT_KINDS
};

struct extent {
    enum extent_kind kind;
    uint64_t start;
    uint64_t bytes;              /* of address space */
    const union seen_slab *slab; /* its record: BLOCKS, SPAN, HUGE */
    const uint64_t *bits;        /* BLOCKS: which blocks are free in the slab */
};

/* The extent that starts at `at`. False at the end of the heap. */
bool heap_extent_at(const struct heap_view *view, uint64_t at, struct extent *extent);
/* The next extent from *at on that has pages or entries in the table of superslabs; *at becomes the
 * address after it. False at the end of the heap. */
bool heap_extent_next(const struct heap_view *view, uint64_t *at, struct extent *extent);
/* The extent that contains an address of the heap. */
bool heap_extent_of(const struct heap_view *view, uint64_t address, struct extent *extent);

/* The state of each block in an extent (a span or Huge block is one block). Returns the number of
 * blocks. */
unsigned heap_block_states(const struct heap_view *view, const struct extent *extent,
                           uint8_t states[EXTENT_BLOCKS_MAX]);
/* How many blocks of an extent are in each state. Returns the number of blocks. */
unsigned heap_block_counts(const struct heap_view *view, const struct extent *extent,
                           uint64_t counts[BLOCK_STATES]);

#endif
