/* SPDX-License-Identifier: MIT */
/*
 * Which live blocks can still be reached: a word anywhere in them leads to a block, beginning with
 * the words of the program's own memory, stacks and registers. A word that only looks like an
 * address counts too: what is said not to be reachable is not, but for addresses that a program
 * hides.
 */
#ifndef HAK_CLI_REACH_H
#define HAK_CLI_REACH_H

#include "heap/stopped.h"
#include "heap/view.h"

/* Memory whose words do not count. */
struct reach_hole {
    uint64_t start;
    uint64_t end;
};

/* Purpose: the live blocks, and which were reached. Invariant: extents are sorted by address;
 * `first` of each numbers its blocks, whose bits lie in `live` and `reached`. */
struct reach {
    struct reach_extent *extents;
    size_t extent_count;
    uint64_t block_count;
    uint64_t *live;
    uint64_t *reached;
    struct reach_piece *pending; /* reached blocks whose words were not read yet */
    size_t pending_count;
    size_t pending_room;
    uint64_t lost_blocks; /* live, not reached; their bytes as sizes are rounded */
    uint64_t lost_bytes;
    bool is_partial; /* not all roots could be read */
};

/* Find them, in a process whose threads are stopped. The holes are the allocator's own memory. */
void reach_find(struct reach *reach, struct heap_view *view, const struct stopped *stopped,
                const struct reach_hole *holes, size_t hole_count);
/* Was the live block at an address reached? True also if it is none. */
bool reach_has(const struct reach *reach, uint64_t address);
void reach_free(struct reach *reach);

#endif
