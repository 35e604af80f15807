/* SPDX-License-Identifier: MIT */
/*
 * The room that the front layer's limit on memory has made: bytes that may still come into use.
 * Code that takes slabs asks and charges; code that makes purged pages present charges. All of it
 * is relaxed: two threads may both pass with the last room, and the next one is refused.
 */
#include "slab/room.h"

#include "slab/space.h"

void slab_allow(int64_t bytes)
{
    atomic_store_explicit(&space.room, bytes, memory_order_relaxed);
    atomic_store_explicit(&space.is_at_limit, false, memory_order_relaxed);
}

int64_t slab_room(void)
{
    return atomic_load_explicit(&space.room, memory_order_relaxed);
}

void slab_charge(size_t bytes)
{
    atomic_fetch_sub_explicit(&space.room, (int64_t)bytes, memory_order_relaxed);
}

size_t slab_used_bytes(void)
{
    size_t used = atomic_load_explicit(&space.used_slabs, memory_order_relaxed);
    return (used + warm_slabs()) << SLAB_SHIFT;
}

bool slab_is_at_limit(void)
{
    return atomic_load_explicit(&space.is_at_limit, memory_order_relaxed);
}

bool superslab_is_room(size_t slabs)
{
    bool is_room = slab_room() >= (int64_t)(slabs << SLAB_SHIFT);
    if (!is_room)
        atomic_store_explicit(&space.is_at_limit, true, memory_order_relaxed);
    return is_room;
}
