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

/* All of [address, +size), or false. */
bool target_read(struct target *target, uint64_t address, void *into, size_t size);
/* As many bytes as can be read in one piece from `address` on. */
size_t target_read_part(struct target *target, uint64_t address, void *into, size_t size);
/* Many pieces; each says whether it was read. */
void target_gather(struct target *target, struct piece *pieces, size_t count);

#endif
