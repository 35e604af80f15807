/* SPDX-License-Identifier: MIT */
/*
 * Owns stores of stacks (stack.h has their layout): the records of stacks, and the hash table that
 * finds them. A thread may be interrupted at any point, for ever, and other threads must still be
 * able to store stacks. So there is no lock, and a record is complete before its number is written
 * into a slot.
 */
#include "stack/stack.h"

#define BYTES_A_SLOT 64
#define STORE_MAX (32 * GIB)

/* A search for a stack looks at no more slots than this. */
#define PROBES_MAX 64

struct stack_store *stack_store_make(void *memory, size_t size)
{
    struct stack_store *store = memory;
    if (!memory || size < STACK_STORE_MIN || size > STORE_MAX)
        return NULL;
    size_t slots = (size_t)1 << highest_bit(size / BYTES_A_SLOT);
    store->size = align_down(size, sizeof(uint64_t));
    store->slots = slots;
    store->first = align_up(sizeof(*store) + slots * sizeof(uint32_t), sizeof(uint64_t));
    atomic_store_explicit(&store->used, store->first, memory_order_relaxed);
    store->magic = STACK_STORE_MAGIC;
    return store;
}

static _Atomic uint32_t *slot_at(struct stack_store *store, size_t index)
{
    _Atomic uint32_t *slots = (_Atomic uint32_t *)(void *)(store + 1);
    return slots + (index & (store->slots - 1));
}

static struct stack_record *record_of(const struct stack_store *store, uint32_t number)
{
    return (struct stack_record *)((uintptr_t)store + (uintptr_t)number * sizeof(uint64_t));
}

static bool is_same(const struct stack_record *record, uint32_t hash, const uint64_t *frames,
                    size_t depth)
{
    if (record->hash != hash || record->depth != depth)
        return false;
    for (size_t i = 0; i < depth; i++)
        if (record->frames[i] != frames[i])
            return false;
    return true;
}

static size_t record_size(size_t depth)
{
    return sizeof(struct stack_record) + depth * sizeof(uint64_t);
}

/* Make a record that no slot has yet. Returns its number; 0: the store is full. */
static uint32_t write_record(struct stack_store *store, uint32_t hash, const uint64_t *frames,
                             size_t depth)
{
    uint64_t place = atomic_load_explicit(&store->used, memory_order_relaxed);
    do {
        if (record_size(depth) > store->size - place)
            return 0;
        /* acquire: the thread that gave this memory back has ended its writes */
    } while (!atomic_compare_exchange_weak_explicit(&store->used, &place,
                                                    place + record_size(depth),
                                                    memory_order_acquire, memory_order_relaxed));
    uint32_t number = (uint32_t)(place / sizeof(uint64_t));
    struct stack_record *record = record_of(store, number);
    record->hash = hash;
    record->depth = (uint32_t)depth;
    for (size_t i = 0; i < depth; i++)
        record->frames[i] = frames[i];
    return number;
}

/* Another thread has stored the same stack meanwhile: give the record's memory back, if no other
 * record was made after it. Else the memory stays unused. */
static void discard_record(struct stack_store *store, uint32_t number, size_t depth)
{
    uint64_t place = (uint64_t)number * sizeof(uint64_t);
    uint64_t end = place + record_size(depth);
    /* release: our writes to this memory come before those of its next owner */
    atomic_compare_exchange_strong_explicit(&store->used, &end, place, memory_order_release,
                                            memory_order_relaxed);
}

static uint32_t drop(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    return 0;
}

static uint32_t find_or_add(struct stack_store *store, uint32_t hash, const uint64_t *frames,
                            size_t depth)
{
    uint32_t own = 0;
    for (size_t probe = 0; probe < PROBES_MAX; probe++) {
        _Atomic uint32_t *slot = slot_at(store, hash + probe);
        /* acquire: the record is seen as it was written */
        uint32_t found = atomic_load_explicit(slot, memory_order_acquire);
        if (found == 0) {
            own = own ? own : write_record(store, hash, frames, depth);
            /* release: a thread that finds the number sees the record */
            if (own == 0 || atomic_compare_exchange_strong_explicit(
                                slot, &found, own, memory_order_release, memory_order_acquire)) {
                atomic_fetch_add_explicit(&store->stacks, own != 0, memory_order_relaxed);
                return own;
            }
        }
        if (is_same(record_of(store, found), hash, frames, depth)) {
            if (own)
                discard_record(store, own, depth);
            return found;
        }
    }
    if (own)
        discard_record(store, own, depth);
    return 0;
}

uint32_t stack_intern(struct stack_store *store, const uint64_t *frames, size_t depth)
{
    if (depth == 0 || depth > STACK_DEPTH_MAX)
        return drop(&store->dropped_wrong);
    uint32_t number = find_or_add(store, stack_hash(frames, depth), frames, depth);
    return number ? number : drop(&store->dropped_full);
}

const uint64_t *stack_frames(const struct stack_store *store, uint32_t number, size_t *depth)
{
    *depth = 0;
    if (number == 0)
        return NULL;
    const struct stack_record *record = record_of(store, number);
    *depth = record->depth;
    return record->frames;
}
