/* SPDX-License-Identifier: MIT */
/*
 * Owns the state of the address space: which slabs of each superslab are free, warm and zero, the
 * lists by which free and warm runs are found, and the counts over all superslabs. May never call
 * the kernel: callers map and unmap.
 */
#include "slab/space.h"
#include "slab/decay.h"

state_data struct space space;

/* ---- which superslabs are wholly free ---- */

bool superslab_is_taken(size_t index)
{
    /* also read without the lock, where a guess is enough */
    return word_load(&space.taken[index / 64]) >> (index % 64) & 1;
}

void superslab_set_taken(size_t index, bool is_taken)
{
    uint64_t bit = (uint64_t)1 << (index % 64);
    if (is_taken) {
        word_store(&space.taken[index / 64], space.taken[index / 64] | bit);
        return;
    }
    word_store(&space.taken[index / 64], space.taken[index / 64] & ~bit);
    if (index < space.lowest_free)
        space.lowest_free = index;
}

size_t space_peak_superslabs(void)
{
    return word_load(&space.frontier) - space.first;
}

void space_raise_frontier(size_t end)
{
    word_store(&space.frontier, max_size(space.frontier, end));
}

/* ---- lists of superslabs by their longest runs ---- */

unsigned superslab_longest_run(uint32_t mask)
{
    unsigned length = 0;
    for (; mask; mask &= mask << 1)
        length++;
    return length;
}

static void unlist(struct superslab *superslab, enum run_kind kind)
{
    unsigned run = superslab->run[kind];
    if (run == 0)
        return;
    if (superslab->prev[kind])
        superslab->prev[kind]->next[kind] = superslab->next[kind];
    else
        space.list[kind][run] = superslab->next[kind];
    if (superslab->next[kind])
        superslab->next[kind]->prev[kind] = superslab->prev[kind];
    if (!space.list[kind][run])
        space.occupied[kind] &= ~((uint64_t)1 << run);
    superslab->run[kind] = 0;
}

static void list(struct superslab *superslab, enum run_kind kind, unsigned run)
{
    if (run == superslab->run[kind])
        return;
    unlist(superslab, kind);
    if (run == 0)
        return;
    superslab->run[kind] = (uint8_t)run;
    superslab->prev[kind] = NULL;
    superslab->next[kind] = space.list[kind][run];
    if (superslab->next[kind])
        superslab->next[kind]->prev[kind] = superslab;
    space.list[kind][run] = superslab;
    space.occupied[kind] |= (uint64_t)1 << run;
}

static void count_warm(uint32_t before, uint32_t after)
{
    space_count_warm(__builtin_popcount(after) - (ptrdiff_t)__builtin_popcount(before));
}

void superslab_refile(struct superslab *superslab)
{
    bool is_idle = superslab->free == ALL_SLABS && superslab->warm == 0;
    size_t index = superslab_index(superslab);
    bool was_used = superslab_is_taken(index);
    bool is_used = superslab->free != ALL_SLABS;
    space.used += (size_t)is_used - (size_t)was_used;
    list(superslab, RUN_FREE, is_idle ? 0 : superslab_longest_run(superslab->free));
    list(superslab, RUN_WARM, superslab_longest_run(superslab->warm));
    superslab_set_taken(index, is_used);
    if (is_idle)
        word_store(&superslab->state, SUPERSLAB_FREE);
}

static void make_warm(struct superslab *superslab, uint32_t slabs)
{
    uint8_t epoch = decay_epoch();
    count_warm(superslab->warm, superslab->warm | slabs);
    superslab->warm |= slabs;
    superslab->purged &= ~slabs;
    for (uint32_t rest = slabs; rest; rest &= rest - 1)
        superslab->age[lowest_bit(rest)] = epoch;
}

void superslab_mark_free(struct superslab *superslab, uint32_t slabs, bool is_warm)
{
    check_invariant((superslab->free & slabs) == 0);
    superslab->free |= slabs;
    space_count_used(-__builtin_popcount(slabs));
    if (is_warm)
        make_warm(superslab, slabs);
    superslab_refile(superslab);
}

void superslab_mark_zero_pages(struct superslab *superslab, uint32_t slabs)
{
    make_warm(superslab, slabs);
    superslab->zero |= slabs;
    superslab_refile(superslab);
}

bool superslab_mark_taken(struct superslab *superslab, uint32_t slabs)
{
    bool is_zero = (superslab->warm & ~superslab->zero & slabs) == 0;
    check_invariant((superslab->free & slabs) == slabs);
    count_warm(superslab->warm, superslab->warm & ~slabs);
    superslab->free &= ~slabs;
    space_count_used(__builtin_popcount(slabs));
    superslab->warm &= ~slabs;
    superslab->zero &= ~slabs;
    superslab_refile(superslab);
    return is_zero;
}

void superslab_mark_cold(struct superslab *superslab)
{
    count_warm(superslab->warm, 0);
    superslab->warm = superslab->zero = 0;
    for (unsigned i = 0; superslab->slabs && i < SLABS_PER_SUPERSLAB; i++)
        superslab->slabs[i].resident = 0;
    superslab_refile(superslab);
}

/* ---- superslabs that are set aside ---- */

void superslab_set_aside_locked(struct superslab *superslab)
{
    size_t index = superslab_index(superslab);
    bool is_claimed = superslab->state == SUPERSLAB_HUGE ||
                      (superslab->state == SUPERSLAB_FREE && superslab_is_taken(index));
    space.claimed -= is_claimed;
    space_count_used(is_claimed ? -(ptrdiff_t)SLABS_PER_SUPERSLAB : 0);
    word_store(&superslab->state, SUPERSLAB_FIXED);
    superslab_set_taken(index, true);
    space_raise_frontier(index + 1);
}
