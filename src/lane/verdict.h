/* SPDX-License-Identifier: MIT */
/*
 * What the lanes answer and count: the verdict on a pointer that is to be given back, and how many
 * blocks passed between thread caches and the lanes.
 */
#ifndef HAK_LANE_VERDICT_H
#define HAK_LANE_VERDICT_H

#include "base/base.h"

enum fault { FAULT_NONE, FAULT_DOUBLE_FREE, FAULT_NOT_START };

/* Purpose: the verdict on a pointer that somebody wants to give back. */
struct verdict {
    enum fault fault;
    const void *block;
    size_t size; /* of the block it is in, 0 if unknown */
};

/* Purpose: blocks of one class that caches took from below, and gave back, since the start; what a
 * cache serves by itself never comes here. Owner: the lock of what it is counted for. */
struct traffic {
    uint64_t taken;
    uint64_t given;
};

#endif
