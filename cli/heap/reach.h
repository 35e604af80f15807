/* SPDX-License-Identifier: MIT */
/*
 * Finds the live blocks that can still be reached: a word of the program's own memory, stacks or
 * registers leads to them, or a word of another block that can be reached. A word that only looks
 * like an address counts too. So a block that is not reached is really lost, unless the program
 * hides its address.
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

/* Find the reachable blocks of a process whose threads are stopped. The holes are the allocator's
 * own memory. */
void reach_find(struct reach *reach, struct heap_view *view, const struct stopped *stopped,
                const struct reach_hole *holes, size_t hole_count);
/* Was the live block at this address reached? Also true if there is no live block. */
bool reach_has(const struct reach *reach, uint64_t address);
void reach_free(struct reach *reach);

#endif
