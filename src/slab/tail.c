/* SPDX-License-Identifier: MIT */
/*
 * Owns tails. The tail of a Huge block is the slabs behind it in the last superslab of its range.
 * They are unused, but may have pages of an earlier block: these slabs count as warm, and decay. In
 * their superslab, whose state is SUPERSLAB_HUGE, they are `free`; the superslab is in no list. The
 * block's owner takes the tail back before the block changes. A tail is purged under the decay
 * lock; if its owner wants it back then, the owner waits for that lock. A tail may never be purged
 * while its owner uses it.
 */
#include "slab/tail.h"

#include "slab/decay.h"
#include "slab/space.h"

/* Change which slabs of a Huge block's superslab are `free`. */
static void set_free_locked(struct superslab *superslab, uint32_t slabs)
{
    uint32_t old = superslab->free;
    long warm = __builtin_popcount(superslab->warm & slabs) -
                (long)__builtin_popcount(superslab->warm & old);
    long used = __builtin_popcount(old) - (long)__builtin_popcount(slabs);
    word_store(&superslab->free, slabs);
    space_count_warm(warm);
    space_count_used(used);
}

static struct superslab *last_of(char *start, size_t count)
{
    return superslab_of(start) + count - 1;
}

/* The slabs of the last superslab that begin at or behind this offset of the range. */
static uint32_t slabs_from(size_t count, size_t offset)
{
    size_t before = align_up(offset - ((count - 1) << SUPERSLAB_SHIFT), SLAB_SIZE) >> SLAB_SHIFT;
    return ~run_mask(0, (unsigned)before);
}

bool tail_leave(char *start, size_t count, size_t bytes, size_t cold_end)
{
    struct superslab *last = last_of(start, count);
    uint32_t tail = slabs_from(count, bytes);
    uint32_t cold = tail & ~slabs_from(count, align_down(cold_end, SLAB_SIZE));
    uint8_t epoch = decay_epoch();
    lock_acquire(&space.lock);
    word_store(&last->warm, last->warm & ~cold);
    word_store(&last->zero, last->zero & ~cold);
    set_free_locked(last, tail);
    uint32_t warm = last->warm & tail;
    for (uint32_t rest = warm; rest; rest &= rest - 1)
        last->age[lowest_bit(rest)] = epoch;
    lock_release(&space.lock);
    return warm != 0;
}

static bool take_back(struct superslab *last)
{
    lock_acquire(&space.lock);
    bool is_here = space.tail != last;
    if (is_here)
        set_free_locked(last, 0);
    lock_release(&space.lock);
    return is_here;
}

void tail_take_back(char *start, size_t count)
{
    struct superslab *last = last_of(start, count);
    while (!take_back(last)) {
        decay_lock(); /* the tail is being purged: wait */
        decay_unlock();
    }
}

void tail_take_locked(struct superslab *superslab, uint32_t slabs)
{
    set_free_locked(superslab, superslab->free & ~slabs);
    word_store(&superslab->warm, superslab->warm & ~slabs);
    space.tail = superslab;
}

void tail_return_locked(struct superslab *superslab, uint32_t slabs, uint32_t kept)
{
    word_store(&superslab->zero, superslab->zero & ~slabs);
    word_store(&superslab->warm, superslab->warm | kept);
    set_free_locked(superslab, superslab->free | slabs);
    space.tail = NULL;
}
