/* SPDX-License-Identifier: MIT */
/*
 * A ring of blocks between two threads: one writes, one reads, without a lock. So the allocator is
 * measured and not the queue. For workloads that hand blocks to another thread.
 */
#ifndef HAK_BENCH_RING_H
#define HAK_BENCH_RING_H

#include "harness.h"

#include <sched.h>
#include <stdatomic.h>

#define RING_SLOTS ((size_t)256)

struct ring {
    _Alignas(64) atomic_size_t head; /* the next to read; the reader's */
    _Alignas(64) atomic_size_t tail; /* the next to write; the writer's */
    /* the writer's copy of head, read again only if it leaves no room: otherwise each block that is
     * freed would cost the writer a cache miss */
    size_t head_seen;
    _Alignas(64) uint64_t *slots[RING_SLOTS];
};

/* Write all of the blocks, at most RING_SLOTS; or none if the ring has no room for them. */
static inline bool ring_write(struct ring *ring, uint64_t **blocks, size_t count)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - ring->head_seen + count > RING_SLOTS) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
    }
    if (tail - ring->head_seen + count > RING_SLOTS) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        ring->slots[(tail + i) % RING_SLOTS] = blocks[i];
    }
    atomic_store_explicit(&ring->tail, tail + count, memory_order_release);
    return true;
}

/* Free all blocks in the ring; the first word of each must be its number in the ring. Returns the
 * number of blocks. */
static inline size_t ring_free_all(struct ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t count = atomic_load_explicit(&ring->tail, memory_order_acquire) - head;
    for (size_t i = 0; i < count; i++, head++) {
        uint64_t *block = ring->slots[head % RING_SLOTS];
        if (*block != head) {
            harness_fail(1, "block %zu of a ring carries number %ju", head, (uintmax_t)*block);
        }
        free(block);
        atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    }
    return count;
}

#endif
