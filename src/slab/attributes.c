/* SPDX-License-Identifier: MIT */
/*
 * What a program has asked of the kernel for a block's pages (mprotect, madvise, mlock, a mapping
 * of its own in their place) must not reach the block's next owner. Whatever it was, it has made
 * the pages a mapping of their own: so the kernel is asked whether they and a page beside them that
 * was never the block's are one mapping. That takes a third of a microsecond, and more where other
 * threads have page faults. A Huge block's pages are asked about when it ends. Where spans have
 * ended, the superslab is asked about as a whole, before slabs of it are taken again: once for all
 * that have ended meanwhile. May lose pages' contents, never a mapping of somebody else's
 * elsewhere.
 *
 * Blocks of a whole number of superslabs have no such page in a superslab of their own; the
 * neighbours serve, where they are sure to have been in the same mapping; elsewhere all is taken
 * back but locks and foreign mappings of the whole block. A block between two others in use with
 * the same attributes is not found out.
 */
#include "slab/space.h"

/* So many superslabs are passed over, at most, on the way to one that is not in doubt. */
#define NEIGHBOUR_MAX 256

static bool is_inside(const void *pointer)
{
    return (uintptr_t)pointer % SUPERSLAB_SIZE != 0;
}

/* Is a superslab mapped, and in no mapping of our own making that is known here? Without the lock:
 * a wrong answer costs a few calls. */
static bool may_be_alike(size_t index)
{
    return index >= space.first && index < word_load(&space.opened) &&
           !word_load(&space.superslabs[index].is_moved);
}

/* Is it in the same mapping as what lies beside it, unless its blocks' owners have changed that?
 * Not known of one in a range taken whole, which may be open to huge pages. */
static bool is_alike(size_t index)
{
    unsigned state = word_load(&space.superslabs[index].state);
    return state == SUPERSLAB_SLABS ||
           (state == SUPERSLAB_FREE && !superslab_is_taken(index) && !dump_is_left_out(index));
}

/* Have spans ended in it since it was last asked about? */
static bool is_in_doubt(const struct superslab *superslab)
{
    return word_load(&superslab->ended) != word_load(&superslab->asked);
}

/* With what pages are compared: a superslab that is not known to be in another mapping; one that
 * must be in the same; or if there is none of these, the next one, though in doubt itself. */
enum neighbour { LIKELY, SURE, SURE_OR_NEXT };

/* The nearest superslab of this kind below `index`, or above; what lies between is in doubt.
 * `index` when there is none. */
static size_t find_neighbour(size_t index, int step, enum neighbour kind)
{
    size_t at = index;
    size_t next = index;
    /* what is to be compared after it was made plain is not left out any more */
    bool is_left_out = kind == LIKELY && dump_is_left_out(index);
    /* where address space is rationed superslabs are mapped, and unmapped, one by one */
    for (unsigned i = 0; i < NEIGHBOUR_MAX && !space.is_rationed; i++) {
        at += (size_t)step;
        if (!may_be_alike(at) || dump_is_left_out(at) != is_left_out ||
            (kind != LIKELY && !is_alike(at)))
            break;
        if (!is_in_doubt(&space.superslabs[at]))
            return at;
        if (kind == SURE_OR_NEXT && i == 0)
            next = at;
    }
    return next;
}

/* Purpose: a block's pages with a page on either side that is to be in the same mapping. */
struct stretch {
    char *start;
    char *end;
};

static struct stretch with_neighbours(char *start, size_t size, enum neighbour kind)
{
    size_t page = os_page_size();
    struct superslab *first = superslab_of(start);
    struct superslab *last = superslab_of(start + size - 1);
    struct stretch stretch = {start, start + size};
    size_t before = find_neighbour(superslab_index(first), -1, kind);
    size_t after = find_neighbour(superslab_index(last), 1, kind);
    if (is_inside(start))
        stretch.start -= page;
    else if (before != superslab_index(first))
        stretch.start = superslab_start(&space.superslabs[before + 1]) - page;
    if (is_inside(stretch.end))
        stretch.end += page;
    else if (after != superslab_index(last))
        stretch.end = superslab_start(&space.superslabs[after]) + page;
    return stretch;
}

static size_t length_of(struct stretch stretch)
{
    return (size_t)(stretch.end - stretch.start);
}

static bool is_one(struct stretch stretch)
{
    /* the window begins behind the first quarter of the address space, which is a power of two */
    size_t rest = (size_t)3 << highest_bit((uintptr_t)space.base);
    return os_is_one_mapping(stretch.start, length_of(stretch), rest);
}

/* Is it likely that nothing has been done to the pages? */
static bool is_untouched(char *start, size_t size)
{
    struct stretch stretch = with_neighbours(start, size, LIKELY);
    return length_of(stretch) > size && is_one(stretch);
}

/* `kind`: what will do in the end. Where there is nothing to compare with, the kernel is asked for
 * what remains, locks and foreign mappings; that takes more calls. */
static bool make_plain(char *start, size_t size, enum neighbour kind)
{
    struct superslab *superslab = superslab_of(start);
    size_t count = superslab_index(superslab_of(start + size - 1)) - superslab_index(superslab) + 1;
    /* where pages were moved in there are mappings of our own making */
    bool has_moved = superslab_has_moved(superslab, count);
    if (!has_moved && likely(is_untouched(start, size)))
        return false;
    os_make_plain(start, size);
    struct stretch stretch = with_neighbours(start, size, kind);
    bool is_alone = kind == SURE && length_of(stretch) == size;
    if (has_moved || (is_one(stretch) && (!is_alone || os_is_like(start, size, space.superslabs))))
        return false;
    os_unlock(start, size);
    return (is_alone || !is_one(stretch)) && os_remap_fresh(start, size);
}

bool slab_make_plain(char *start, size_t size)
{
    return make_plain(start, size, SURE_OR_NEXT);
}

/* ---- superslabs in which spans have ended ---- */

/* Slabs with which the others are compared: no span's since nothing was found the last time. */
static bool has_witness(const struct superslab *superslab)
{
    uint32_t rest = ~word_load(&superslab->doubted);
    if (word_load(&superslab->state) != SUPERSLAB_SLABS)
        return false;
    for (; rest; rest &= rest - 1) {
        unsigned slab = lowest_bit(rest);
        const struct slab *record = &superslab->slabs[slab];
        record -= record->head_delta;
        if (word_load(&superslab->free) >> slab & 1 || word_load(&record->state) != SLAB_SPAN)
            return true;
    }
    return false;
}

/* Is a superslab one mapping, and that of its witness, or of its neighbours? */
static bool is_as_it_was(const struct superslab *superslab)
{
    char *start = superslab_start(superslab);
    if (has_witness(superslab))
        return is_one((struct stretch){start, start + SUPERSLAB_SIZE});
    return !superslab->is_moved && is_untouched(start, SUPERSLAB_SIZE);
}

/* The run in `mask` in which `slabs` lie, which are contiguous. */
static uint32_t run_around(uint32_t mask, uint32_t slabs)
{
    unsigned first = lowest_bit(slabs);
    unsigned end = first + (unsigned)__builtin_popcount(slabs);
    while (first > 0 && mask >> (first - 1) & 1)
        first--;
    while (end < SLABS_PER_SUPERSLAB && mask >> end & 1)
        end++;
    return run_mask(first, end - first);
}

bool superslab_make_plain_locked(struct superslab *superslab, uint32_t slabs)
{
    uint32_t run = run_around(superslab->free | slabs, slabs);
    unsigned first = lowest_bit(run);
    size_t size = (size_t)__builtin_popcount(run) << SLAB_SHIFT;
    if (run == ALL_SLABS)
        word_store(&superslab->asked, superslab->ended);
    if (!make_plain(superslab_start(superslab) + ((size_t)first << SLAB_SHIFT), size, SURE))
        return false;
    for (uint32_t rest = superslab->slabs ? run : 0; rest; rest &= rest - 1)
        superslab->slabs[lowest_bit(rest)].resident = 0;
    return true;
}

bool superslab_make_plain(struct superslab *superslab, uint32_t slabs)
{
    /* read before the kernel is asked: a span that ends later is asked about later */
    uint32_t ended = word_load(&superslab->ended);
    if (ended == word_load(&superslab->asked))
        return false;
    if (likely(is_as_it_was(superslab))) {
        word_store(&superslab->asked, ended);
        return false;
    }
    lock_acquire(&space.lock);
    superslab_make_plain_locked(superslab, slabs);
    lock_release(&space.lock);
    return true;
}
