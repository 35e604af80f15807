/* SPDX-License-Identifier: MIT */
/*
 * The limit on memory. The slab layer lets so many superslabs be in use and refuses more; then this
 * is asked. It finds out what limit there is (HAKMEM_LIMIT, or the control group's), lets the heap
 * grow while there is room, gives back what is free when it comes near, and then, if the setting
 * says that malloc may fail, calls the program's handler, and refuses. Called by route.c with no
 * lock held.
 */
#include "front/upkeep.h"

/* A heap of this many superslabs is too small to ask for the limits of its memory. */
#define UNASKED_SUPERSLABS 16

/* So many times in a row a handler may say that it has freed something. */
#define HANDLER_ROUNDS 16

/* Purpose: the limit. `bytes` is 0 until it has been found out; two threads find the same. */
static early_data struct {
    _Atomic uint64_t bytes;
    _Atomic uint8_t trimmed_epoch; /* the last in which memory was given back for it */
    struct lock lock;              /* of the handler and its context */
    bool (*handler)(size_t wanted, void *context);
    void *context;
} limit;

void limit_start(void)
{
    slab_allow(UNASKED_SUPERSLABS);
}

void limit_set_handler(bool (*handler)(size_t wanted, void *context), void *context)
{
    lock_acquire(&limit.lock);
    limit.handler = handler;
    limit.context = context;
    lock_release(&limit.lock);
}

void limit_reset_in_child(void)
{
    lock_reset(&limit.lock);
}

/* May malloc fail for it? */
static bool is_hard(void)
{
    return settings.limit != 0;
}

static uint64_t find_bytes(void)
{
    uint64_t bytes = atomic_load_explicit(&limit.bytes, memory_order_relaxed);
    if (bytes != 0)
        return bytes;
    uint64_t group = settings.limit > 0 ? UINT64_MAX : os_memory_limit();
    bytes = settings.limit > 0 ? (uint64_t)settings.limit : group;
    if (settings.limit < 0 && group != UINT64_MAX)
        bytes = group / 100 * (uint64_t)-settings.limit;
    bytes = bytes ? bytes : 1;
    atomic_store_explicit(&limit.bytes, bytes, memory_order_relaxed);
    return bytes;
}

/* What is in memory, or will be: spans are taken to be touched later, if they have not been. */
static uint64_t bytes_in_use(void)
{
    return max_size(os_resident_bytes(), span_bytes());
}

static size_t superslabs_for(uint64_t bytes)
{
    return (size_t)((bytes + SUPERSLAB_SIZE - 1) >> SUPERSLAB_SHIFT);
}

/* Let the heap grow by `size` bytes, and by half of the room that there is below the limit. */
static void allow(const struct slab_allowance *now, size_t size, uint64_t room)
{
    slab_allow(now->in_use + superslabs_for(size) + 1 + superslabs_for(room) / 2);
}

/* Give back what is free; where nothing fails for the limit, once an epoch is enough. */
static void trim(void)
{
    uint8_t epoch = decay_epoch();
    uint8_t last = atomic_exchange_explicit(&limit.trimmed_epoch, (uint8_t)(epoch + 1),
                                            memory_order_relaxed);
    if (is_hard() || last != (uint8_t)(epoch + 1))
        route_trim();
}

static bool call_handler(size_t size)
{
    lock_acquire(&limit.lock);
    bool (*handler)(size_t, void *) = limit.handler;
    void *context = limit.context;
    lock_release(&limit.lock);
    return handler && handler(size, context);
}

bool limit_may_grow(size_t size)
{
    struct slab_allowance now;
    slab_get_allowance(&now);
    uint64_t bytes = find_bytes();
    if (bytes == UINT64_MAX) {
        slab_allow(SIZE_MAX);
        return true;
    }
    uint64_t near = bytes - bytes / 8;
    uint64_t wanted = bytes_in_use() + size;
    if (wanted <= near) {
        allow(&now, size, near - wanted);
        return true;
    }
    trim();
    for (unsigned round = 0; bytes_in_use() + size > bytes && is_hard(); round++)
        if (round == HANDLER_ROUNDS || !call_handler(size))
            return false;
    slab_get_allowance(&now);
    allow(&now, size, 0);
    return true;
}

bool limit_was_met(void)
{
    struct slab_allowance now;
    slab_get_allowance(&now);
    return now.is_at_limit;
}
