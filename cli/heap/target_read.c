/* SPDX-License-Identifier: MIT */
/*
 * Reads a target's memory by address.
 */
#include "heap/target_read.h"

#include "heap/core_file.h"
#include "heap/process.h"

size_t target_read_part(struct target *target, uint64_t address, void *into, size_t size)
{
    return target->is_core ? core_read(target, address, into, size)
                           : process_read(target, address, into, size);
}

bool target_read(struct target *target, uint64_t address, void *into, size_t size)
{
    return target_read_part(target, address, into, size) == size;
}

void target_gather(struct target *target, struct piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pieces[i].is_read = target_read(target, pieces[i].address, pieces[i].into, pieces[i].size);
}
