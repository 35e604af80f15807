/* SPDX-License-Identifier: MIT */
/*
 * Owns the new start of a copy of the process that was made while other threads were in the
 * allocator. (The clone system call makes such copies; no lock is taken before it.) Pages are
 * copied at different moments, so the copy may be torn, and cannot trust any of its state. Afresh
 * means: all state becomes zero again, the copy makes its own reservation, and the old reservation
 * is abandoned. Blocks in an abandoned reservation can be read, written and resized as before; a
 * free of one does nothing. May never give out memory of an abandoned reservation.
 */
#include "front/afresh.h"
#include "front/idle_threads.h"
#include "front/pressure.h"

#include <string.h>

/* A copy of a copy has two abandoned reservations, and so on. The last few are remembered. A free
 * of a block in an older one ends the program, like a free of any foreign pointer. */
#define ABANDONED_MAX 8

static struct {
    unsigned made; /* how many there were; the newest replace the oldest */
    struct reservation *reservations[ABANDONED_MAX];
} abandoned;

static unsigned known(void)
{
    return (unsigned)min_size(abandoned.made, ABANDONED_MAX);
}

/* The linker's names for the first byte of `state_data`, and for the first byte after it. */
extern char state_start[] __asm__("__start_hak_state") __attribute__((visibility("hidden")));
extern char state_end[] __asm__("__stop_hak_state") __attribute__((visibility("hidden")));

bool afresh_start(void)
{
    struct reservation *old = reservation_get();
    if (old->size > 0)
        abandoned.reservations[abandoned.made++ % ABANDONED_MAX] = old;
    memset(state_start, 0, (size_t)(state_end - state_start));
    thread_cache_start_afresh();
    idle_threads_reset_in_child(NULL);
    reservation_forget();
    if (!reservation_make())
        return false;
    pressure_start();
    return true;
}

static size_t usable_in(struct reservation *base, const void *block)
{
    size_t offset = reservation_offset(base, block);
    if (offset >= base->size)
        return 0;
    unsigned byte = slab_map_get(base, offset);
    if (byte >= CLASS_FIRST && byte <= CLASS_ACE_LAST)
        return size_classes[byte].size;
    const struct superslab *row = &base->superslabs[offset >> SUPERSLAB_SHIFT];
    if (byte == CLASS_NONE || !row->slabs)
        return 0;
    const struct slab *slab = &row->slabs[(offset >> SLAB_SHIFT) % SLABS_PER_SUPERSLAB];
    return (slab - slab->head_delta)->size;
}

/* The addresses of abandoned reservations may overlap, but at most one of them has memory at a
 * given address. */
size_t afresh_usable(const void *block)
{
    size_t usable = 0;
    for (unsigned i = 0; i < known() && usable == 0; i++)
        usable = usable_in(abandoned.reservations[i], block);
    return usable;
}

bool afresh_has(const void *address)
{
    for (unsigned i = 0; i < known(); i++)
        if (reservation_offset(abandoned.reservations[i], address) <
            abandoned.reservations[i]->size)
            return true;
    return false;
}
