/* SPDX-License-Identifier: MIT */
/*
 * Reads a target's memory by address, whatever kind of target it is.
 */
#ifndef HAK_CLI_TARGET_READ_H
#define HAK_CLI_TARGET_READ_H

#include "heap/target.h"

/* A piece of memory to read. */
struct piece {
    uint64_t address;
    void *into;
    size_t size;
    bool is_read; /* out */
};

/* Read all of [address, +size). False if it cannot be read. */
bool target_read(struct target *target, uint64_t address, void *into, size_t size);
/* Read from `address` on, as many bytes as can be read in one piece. */
size_t target_read_part(struct target *target, uint64_t address, void *into, size_t size);
/* Read many pieces; each says whether it was read. */
void target_gather(struct target *target, struct piece *pieces, size_t count);

#endif
