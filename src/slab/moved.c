/* SPDX-License-Identifier: MIT */
/*
 * Superslabs whose pages were moved in (mremap): they lie in mappings of their own, which the
 * kernel does not merge with their neighbours, and a process may have 65,530. So the seams between
 * mappings are counted, and bounded: a seam lies where a range of moved pages begins, where it
 * ends, and inside one that was moved together with a seam of where it came from. A superslab that
 * is unused joins the reservation's mapping again when its pages go. Called by the Huge lane and
 * decay.c.
 */
#include "slab/space.h"

/* With two for each open range of the Huge lane, two for each hole of dump.c and a dozen of the
 * reservation this leaves the program 200 of 1,000. */
#define SEAMS_MAX 320

static void set_seam_locked(size_t index, bool is_seam)
{
    if (index >= space.covered)
        return;
    space.seams += (size_t)is_seam - (size_t)space.superslabs[index].is_seam;
    space.superslabs[index].is_seam = is_seam;
}

static bool is_moved(size_t index)
{
    return index >= space.first && index < space.covered && space.superslabs[index].is_moved;
}

bool superslab_may_move(const char *from, size_t count)
{
    size_t first = superslab_index(superslab_of(from));
    size_t seams = 2;
    lock_acquire(&space.lock);
    for (size_t i = first + 1; i < first + count; i++)
        seams += space.superslabs[i].is_seam;
    bool is_allowed = space.seams + seams <= SEAMS_MAX;
    lock_release(&space.lock);
    return is_allowed;
}

void superslab_range_moved_in(const char *from, char *to, size_t count)
{
    const struct superslab *source = superslab_of(from);
    size_t first = superslab_index(superslab_of(to));
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++) {
        word_store(&space.superslabs[first + i].is_moved, true);
        set_seam_locked(first + i, i == 0 || source[i].is_seam);
    }
    set_seam_locked(first + count, true);
    lock_release(&space.lock);
}

/* A superslab in use between others that rejoin gets seams of its own. And the kernel never merges
 * a fresh mapping with one that a fork has copied. */
static bool may_rejoin_locked(size_t first, size_t count)
{
    size_t before = 0;
    size_t after = (size_t)is_moved(first - 1) + is_moved(first + count);
    for (size_t i = first; i <= first + count && i < space.covered; i++)
        before += space.superslabs[i].is_seam;
    return !space.is_forked && (after <= before || space.seams - before + after <= SEAMS_MAX);
}

void superslab_set_joined_locked(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        word_store(&space.superslabs[i].is_moved, false);
        set_seam_locked(i, i == first && is_moved(first - 1));
    }
    set_seam_locked(first + count, is_moved(first + count));
}

bool superslab_rejoin(struct superslab *superslab, size_t count)
{
    size_t first = superslab_index(superslab);
    lock_acquire(&space.lock);
    bool is_allowed = may_rejoin_locked(first, count);
    lock_release(&space.lock);
    if (!is_allowed || !os_remap_fresh(superslab_start(superslab), count << SUPERSLAB_SHIFT))
        return false;
    lock_acquire(&space.lock);
    superslab_set_joined_locked(first, count);
    lock_release(&space.lock);
    return true;
}

bool superslab_has_moved(const struct superslab *superslab, size_t count)
{
    /* without the lock: the range is the caller's */
    for (size_t i = 0; i < count; i++)
        if (superslab[i].is_moved)
            return true;
    return false;
}
