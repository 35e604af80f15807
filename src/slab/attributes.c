/* SPDX-License-Identifier: MIT */
/*
 * Undoes changes that a program made to the mapping of a block's pages (mprotect, madvise, mlock, a
 * mapping of its own in their place), so that they never reach the block's next owner. Any such
 * change makes the pages a mapping of their own. So the kernel is asked whether the pages lie in
 * one mapping with a witness. A witness is a slab of the pools in use near them, since no program
 * changes such a slab as a whole; or it is the superslab behind all that were ever used. The
 * question takes a third of a microsecond, and more while other threads have page faults. If there
 * is no witness, or the answer is no, all attributes are reset, and the pages are replaced if that
 * does not restore them: 3 us. This is done for blocks that end, and for doubted slabs when they
 * are taken again. The contents of the pages may be lost. A mapping of the program outside the
 * block may never be changed.
 */
#include "slab/attributes.h"

#include "slab/mapping.h"
#include "slab/space.h"

/* The most superslabs that are searched on either side. */
#define WITNESS_MAX 256

struct stretch {
    char *start;
    char *end;
};

static bool is_one(struct stretch stretch)
{
    /* the reservation begins behind the first quarter of the address space, whose size is a power
     * of two */
    size_t rest = (size_t)3 << highest_bit((uintptr_t)space.base);
    return os_is_one_mapping(stretch.start, (size_t)(stretch.end - stretch.start), rest);
}

/* ---- witnesses ---- */

/* Is a superslab mapped, and in no special mapping that we made (moved, left out of core dumps)?
 * Read without the lock: a wrong answer costs a few calls. */
static bool may_be_alike(size_t index)
{
    return index >= space.first && index < word_load(&space.opened) &&
           !word_load(&space.superslabs[index].is_moved) && !mapping_is_left_out(index);
}

/* The nearest slab of the pools above slab `number` of a superslab, or below it if step < 0. NULL
 * when there is none. */
static char *witness_in(const struct superslab *superslab, int number, int step)
{
    uint32_t above = number >= (int)SLABS_PER_SUPERSLAB - 1 ? 0 : ALL_SLABS << (number + 1);
    uint32_t below = number <= 0 ? 0 : ALL_SLABS >> ((int)SLABS_PER_SUPERSLAB - number);
    uint32_t pooled = word_load(&superslab->pooled) & (step < 0 ? below : above);
    if (!pooled)
        return NULL;
    unsigned slab = step < 0 ? highest_bit(pooled) : lowest_bit(pooled);
    return superslab_start(superslab) + ((size_t)slab << SLAB_SHIFT);
}

static char *find_witness(const char *from, int step)
{
    size_t index = superslab_index(superslab_of(from));
    int number = (int)slab_number(from);
    for (unsigned i = 0; i < WITNESS_MAX; i++) {
        char *witness = witness_in(&space.superslabs[index], number, step);
        if (witness)
            return witness;
        index += (size_t)step;
        /* where address space is rationed, superslabs are mapped and unmapped one by one */
        if (space.is_rationed || !may_be_alike(index))
            break;
        if (index >= word_load(&space.frontier))
            return superslab_start(&space.superslabs[index]);
        number = step < 0 ? (int)SLABS_PER_SUPERSLAB : -1;
    }
    return NULL;
}

/* Are the pages in the same mapping as a witness? */
static bool is_witnessed(char *start, size_t size)
{
    struct stretch stretch = {start, start + size};
    char *witness = find_witness(start, -1);
    if (witness) {
        stretch.start = witness;
    } else {
        witness = find_witness(start + size - 1, 1);
        stretch.end = witness ? witness + SLAB_SIZE : stretch.end;
    }
    return witness && is_one(stretch);
}

/* ---- without a witness ---- */

/* Reset all attributes. True if the pages are plain again. */
static bool undo(char *start, size_t size)
{
    return os_make_plain(start, size) && is_one((struct stretch){start, start + size}) &&
           os_is_like(start, size, space.superslabs);
}

/* The same by superslabs, which may be special mappings that we made. Pages that cannot be reset
 * are replaced. True if all were replaced. */
static bool undo_by_superslabs(char *start, size_t size)
{
    char *end = start + size;
    bool is_all_replaced = true;
    while (start < end) {
        size_t rest = SUPERSLAB_SIZE - (uintptr_t)start % SUPERSLAB_SIZE;
        size_t piece = min_size(rest, (size_t)(end - start));
        bool is_replaced = !undo(start, piece) && os_remap_fresh(start, piece);
        is_all_replaced &= is_replaced;
        start += piece;
    }
    return is_all_replaced;
}

bool attributes_undo(char *start, size_t size)
{
    struct superslab *superslab = superslab_of(start);
    size_t count = superslab_index(superslab_of(start + size - 1)) - superslab_index(superslab) + 1;
    if (!mapping_has_moved(superslab, count) && likely(is_witnessed(start, size)))
        return false;
    return !undo(start, size) && undo_by_superslabs(start, size);
}

void attributes_undo_superslab_locked(struct superslab *superslab)
{
    if (superslab->doubted == 0)
        return; /* no write: unwritten rows of the table take no memory */
    attributes_undo(superslab_start(superslab), SUPERSLAB_SIZE);
    word_store(&superslab->doubted, 0);
}
