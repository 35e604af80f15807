/* SPDX-License-Identifier: MIT */
/*
 * What the lanes answer and count: the verdict on a pointer that is to be given back, and how many
 * blocks passed between thread caches and the lanes.
 */
#ifndef HAK_LANE_VERDICT_H
#define HAK_LANE_VERDICT_H

#include "base/base.h"

enum fault { FAULT_NONE, FAULT_DOUBLE_FREE, FAULT_NOT_START };

/* Purpose: the verdict on a pointer that the program gives back. */
struct verdict {
    enum fault fault;
    const void *block;
    size_t size; /* size of the block that it points into; 0 if unknown */
};

/* Purpose: the blocks of one class that caches fetched from the lanes (refilled) and returned to
 * them (flushed), since the start. A block that a cache serves by itself is not counted. Owner: the
 * lock of the counted object. */
struct traffic {
    uint64_t refilled;
    uint64_t flushed;
};

#endif
