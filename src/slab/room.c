/* SPDX-License-Identifier: MIT */
/*
 * Owns the room below the limit on memory: the bytes that may still come into use. The front layer
 * sets it. Code that takes slabs without pages asks for room; code that takes any slabs, or makes
 * purged pages present, charges it. All accesses are relaxed: two threads may both pass with the
 * last room; the next request is refused. Room may never stop the use of warm slabs, since these
 * have pages.
 */
#include "slab/room.h"

#include "slab/space.h"

void room_set(int64_t bytes)
{
    atomic_store_explicit(&space.room, bytes, memory_order_relaxed);
    atomic_store_explicit(&space.is_at_limit, false, memory_order_relaxed);
}

int64_t room_left(void)
{
    return atomic_load_explicit(&space.room, memory_order_relaxed);
}

void room_charge(size_t bytes)
{
    atomic_fetch_sub_explicit(&space.room, (int64_t)bytes, memory_order_relaxed);
}

size_t room_used_bytes(void)
{
    size_t used = atomic_load_explicit(&space.used_slabs, memory_order_relaxed);
    return (used + space_warm_slabs()) << SLAB_SHIFT;
}

bool room_was_refused(void)
{
    return atomic_load_explicit(&space.is_at_limit, memory_order_relaxed);
}

bool room_has(size_t slabs)
{
    bool is_room = room_left() >= (int64_t)(slabs << SLAB_SHIFT);
    if (!is_room)
        atomic_store_explicit(&space.is_at_limit, true, memory_order_relaxed);
    return is_room;
}
