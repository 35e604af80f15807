/* SPDX-License-Identifier: MIT */
/*
 * What a program has asked of the kernel for a block's pages (mprotect, madvise, mlock, a mapping
 * of its own in their place) must not reach the block's next owner. Whatever it was, it has made
 * the pages a mapping of their own: so the kernel is asked whether they and a page beside them that
 * was never the block's are one mapping. That takes a third of a microsecond. Called by the lanes
 * for blocks that end. May lose pages' contents, never a mapping of somebody else's elsewhere.
 *
 * Blocks of a whole number of superslabs have no such page in a superslab of their own; the
 * neighbours serve, where they are sure to have been in the same mapping; elsewhere all is taken
 * back but locks and foreign mappings of the whole block. A block between two others with the same
 * attributes is not found out.
 */
#include "slab/space.h"

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

/* Purpose: a block's pages with a page on either side that is to be in the same mapping. */
struct stretch {
    char *start;
    char *end;
};

static struct stretch with_neighbours(char *start, size_t size, bool is_sure)
{
    size_t page = os_page_size();
    char *end = start + size;
    size_t before = superslab_index(superslab_of(start)) - 1;
    size_t after = superslab_index(superslab_of(end - 1)) + 1;
    /* where address space is rationed superslabs are mapped, and unmapped, one by one */
    bool has_before = is_inside(start) || (!space.is_rationed && may_be_alike(before) &&
                                           (!is_sure || is_alike(before)));
    bool has_after = is_inside(end) ||
                     (!space.is_rationed && may_be_alike(after) && (!is_sure || is_alike(after)));
    return (struct stretch){start - (has_before ? page : 0), end + (has_after ? page : 0)};
}

static bool is_one(struct stretch stretch)
{
    /* the window begins behind the first quarter of the address space, which is a power of two */
    size_t rest = (size_t)3 << highest_bit((uintptr_t)space.base);
    return os_is_one_mapping(stretch.start, (size_t)(stretch.end - stretch.start), rest);
}

/* Is it likely that nothing has been done to the pages? */
static bool is_untouched(char *start, size_t size)
{
    struct stretch stretch = with_neighbours(start, size, false);
    return (size_t)(stretch.end - stretch.start) > size && is_one(stretch);
}

bool slab_make_plain(char *start, size_t size)
{
    struct superslab *superslab = superslab_of(start);
    size_t count = superslab_index(superslab_of(start + size - 1)) - superslab_index(superslab) + 1;
    /* where pages were moved in there are mappings of our own making */
    bool has_moved = superslab_has_moved(superslab, count);
    if (!has_moved && likely(is_untouched(start, size)))
        return false;
    os_make_plain(start, size);
    struct stretch stretch = with_neighbours(start, size, true);
    if (has_moved || is_one(stretch))
        return false;
    os_unlock(start, size);
    return !is_one(stretch) && os_remap_fresh(start, size);
}
