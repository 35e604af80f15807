/* SPDX-License-Identifier: MIT */
/*
 * Owns the mappings of superslabs: which superslabs are mapped, which of them core dumps leave out,
 * and where one mapping ends and the next begins. Superslabs are opened in steps as the heap grows.
 * Where address space is rationed, each is closed as soon as it is free. May never replace a
 * mapping of the program: a superslab whose addresses the program uses is set aside. A process may
 * have 65,530 mappings. Each hole in a core dump and each moved range makes one or two more, so
 * both are counted and bounded.
 */
#include "slab/mapping.h"

#include "slab/reservation.h"
#include "slab/space.h"

#include <string.h>

/* Superslabs are mapped ahead in steps: a quarter of the number mapped already, at most 32 (64
 * MiB). The step is bounded because the kernel makes all its pages present at once in a process
 * that has called mlockall(). */
#define OPEN_PART 4
#define OPEN_STEP_MAX ((size_t)32)

/* Superslabs that are left out of core dumps, or included again, in one call. */
#define STEP ((size_t)4)
/* The steps that can be left out: those in the first terabyte of the reservation. A larger heap is
 * seldom dumped. */
#define STEPS_MAX ((TIB >> SUPERSLAB_SHIFT) / STEP)

/* At most 50 excluded ranges (holes). Reuse of a part of a hole may split it: up to 100. */
#define HOLES_MAX 50

/* Purpose: the steps below space.opened that are left out of core dumps; `holes` counts their runs.
 * Owner: the superslab lock. */
static state_data struct {
    uint64_t out[STEPS_MAX / 64];
    size_t holes;
} dump;

/* A seam is a superslab at which a mapping begins because of moved pages (mremap): at the start of
 * a moved range, behind its end, and inside it where the range had a seam before it was moved. The
 * kernel does not merge moved pages with their neighbours. An unused superslab joins the
 * reservation's mapping again when its pages go. The number of seams is bounded: with two mappings
 * for each open range of the Huge lane, two for each hole in a core dump and a dozen for the
 * reservation, this bound leaves the program 200 of 1,000 mappings. */
#define SEAMS_MAX 320

/* ---- seams ---- */

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

bool mapping_may_move(const char *from, size_t count)
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

void mapping_note_moved(const char *from, char *to, size_t count)
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

/* May these superslabs rejoin the reservation's mapping? Not if the seams at their ends become too
 * many: a moved superslab beside them gets seams of its own. Nor after a fork, since the kernel
 * never merges a fresh mapping with one that a fork has copied. */
static bool may_rejoin_locked(size_t first, size_t count)
{
    size_t before = 0;
    size_t after = (size_t)is_moved(first - 1) + is_moved(first + count);
    for (size_t i = first; i <= first + count && i < space.covered; i++)
        before += space.superslabs[i].is_seam;
    return !space.is_forked && (after <= before || space.seams - before + after <= SEAMS_MAX);
}

/* Record that superslabs are part of the reservation's mapping again. */
static void set_joined_locked(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        word_store(&space.superslabs[i].is_moved, false);
        set_seam_locked(i, i == first && is_moved(first - 1));
    }
    set_seam_locked(first + count, is_moved(first + count));
}

bool mapping_rejoin(struct superslab *superslab, size_t count)
{
    size_t first = superslab_index(superslab);
    lock_acquire(&space.lock);
    bool is_allowed = may_rejoin_locked(first, count);
    lock_release(&space.lock);
    if (!is_allowed || !os_remap_fresh(superslab_start(superslab), count << SUPERSLAB_SHIFT))
        return false;
    lock_acquire(&space.lock);
    set_joined_locked(first, count);
    lock_release(&space.lock);
    return true;
}

bool mapping_has_moved(const struct superslab *superslab, size_t count)
{
    /* without the lock: the range belongs to the caller */
    for (size_t i = 0; i < count; i++)
        if (superslab[i].is_moved)
            return true;
    return false;
}

/* ---- core dumps ---- */

static bool is_left_out(size_t step)
{
    return word_load(&dump.out[step / 64]) >> (step % 64) & 1; /* also read without the lock */
}

/* How many neighbours of the step are left out? */
static size_t neighbours_out(size_t step)
{
    size_t count = step > 0 && is_left_out(step - 1);
    return count + (step + 1 < STEPS_MAX && is_left_out(step + 1));
}

bool mapping_is_left_out(size_t index)
{
    return index / STEP < STEPS_MAX && is_left_out(index / STEP);
}

static void advise(size_t step, bool include)
{
    os_dump(space.base + (step * STEP << SUPERSLAB_SHIFT), STEP << SUPERSLAB_SHIFT, include);
}

static void include_step(size_t step)
{
    dump.holes += neighbours_out(step) - 1;
    word_store(&dump.out[step / 64], dump.out[step / 64] & ~((uint64_t)1 << (step % 64)));
    advise(step, true);
}

/* Superslabs [first, end) come into use. */
static void include_locked(size_t first, size_t end)
{
    size_t step = first / STEP;
    for (; step < STEPS_MAX && step * STEP < end; step++)
        if (is_left_out(step))
            include_step(step);
    /* too many holes: include the rest of this one too */
    for (; dump.holes > 2 * HOLES_MAX && step < STEPS_MAX && is_left_out(step); step++)
        include_step(step);
}

static bool leave_out_locked(size_t step)
{
    if (step * STEP < space.first || step >= STEPS_MAX || (step + 1) * STEP > space.opened ||
        is_left_out(step))
        return false;
    for (size_t i = 0; i < STEP; i++)
        if (space.superslabs[step * STEP + i].state != SUPERSLAB_FREE ||
            superslab_is_taken(step * STEP + i))
            return false;
    size_t neighbours = neighbours_out(step);
    if (neighbours == 0 && dump.holes >= HOLES_MAX)
        return false;
    dump.holes += 1 - neighbours;
    word_store(&dump.out[step / 64], dump.out[step / 64] | (uint64_t)1 << (step % 64));
    return true;
}

/* False when the step must stay included, or is left out already. */
static bool leave_out(size_t step)
{
    lock_acquire(&space.lock);
    bool is_out = leave_out_locked(step);
    lock_release(&space.lock);
    if (!is_out)
        return false;
    advise(step, false);
    lock_acquire(&space.lock);
    bool is_back = !is_left_out(step);
    lock_release(&space.lock);
    /* the step came into use meanwhile, and was included before advise() left it out */
    if (is_back)
        advise(step, true);
    return true;
}

void mapping_leave_out(const struct superslab *superslab)
{
    size_t step = superslab_index(superslab) / STEP;
    if (space.is_rationed || !leave_out(step))
        return;
    /* neighbours that were not left out because of too many holes */
    for (size_t next = step + 1; leave_out(next);)
        next++;
    for (size_t last = step; last > 0 && leave_out(last - 1);)
        last--;
}

/* ---- closing ---- */

static void unmap(struct superslab *superslab)
{
    char *start = superslab_start(superslab);
    superslab->is_kept = !os_unmap(start, SUPERSLAB_SIZE);
    if (!superslab->is_kept)
        word_store(&superslab->doubted, 0);
    if (superslab->is_kept && !os_purge(start, SUPERSLAB_SIZE))
        memset(start, 0, SUPERSLAB_SIZE);
}

static void close_locked(struct superslab *superslab)
{
    superslab_mark_cold(superslab);
    unmap(superslab);
    if (superslab->is_moved && !superslab->is_kept)
        set_joined_locked(superslab_index(superslab), 1);
}

void mapping_note_free_locked(struct superslab *superslab)
{
    if (unlikely(space.is_rationed) && superslab->free == ALL_SLABS)
        close_locked(superslab);
}

/* Unmap all free superslabs: those that were mapped ahead, and those that have been used. A
 * superslab of a range must say in its row that it is mapped. */
static void unmap_free_locked(void)
{
    for (size_t i = space.first; i < space.opened; i++) {
        struct superslab *superslab = &space.superslabs[i];
        if (superslab->state == SUPERSLAB_SLABS && superslab->free == ALL_SLABS)
            close_locked(superslab);
        else if (superslab->state == SUPERSLAB_FREE && superslab_is_taken(i))
            word_store(&superslab->state, SUPERSLAB_HUGE);
        else if (superslab->state == SUPERSLAB_FREE)
            unmap(superslab);
    }
}

/* The kernel has refused to map. If a limit is the reason, ration address space from now on, and
 * unmap all free superslabs. True if it was not rationed before. */
static bool ration_locked(void)
{
    if (space.is_rationed || !(os_address_space_is_limited() || os_commit_is_strict()))
        return false;
    space.is_rationed = true;
    unmap_free_locked();
    return true;
}

void mapping_review(void)
{
    /* a plain malloc does not call getrlimit */
    if (mapping_is_rationed() || os_is_filtered() || !os_address_space_is_limited())
        return;
    lock_acquire(&space.lock);
    ration_locked();
    lock_release(&space.lock);
}

bool mapping_is_rationed(void)
{
    return word_load(&space.is_rationed);
}

/* ---- opening ---- */

/* Map superslabs [opened, end) one by one. A superslab whose addresses the program uses is set
 * aside. */
static enum os_map_result open_each_locked(size_t end)
{
    enum os_map_result result = OS_MAP_DONE;
    while (space.opened < end) {
        char *start = space.base + (space.opened << SUPERSLAB_SHIFT);
        enum os_map_result one = os_map_at(start, SUPERSLAB_SIZE);
        if (one == OS_MAP_NO_MEMORY)
            return one;
        if (one == OS_MAP_OCCUPIED) {
            superslab_set_aside_locked(&space.superslabs[space.opened]);
            result = one;
        }
        word_store(&space.opened, space.opened + 1);
    }
    return result;
}

/* Map the superslabs below `end`, and a step ahead if possible. */
static enum os_map_result open_below_locked(size_t end)
{
    if (end <= space.opened)
        return OS_MAP_DONE;
    size_t step = min_size((space.opened - space.first) / OPEN_PART, OPEN_STEP_MAX);
    size_t ends[] = {min_size(end + step, space.covered), end};
    enum os_map_result result = OS_MAP_OCCUPIED;
    char *start = space.base + (space.opened << SUPERSLAB_SHIFT);
    for (unsigned i = 0; i < 2; i++) {
        result = os_map_at(start, (ends[i] - space.opened) << SUPERSLAB_SHIFT);
        if (result == OS_MAP_DONE) {
            word_store(&space.opened, ends[i]);
            return result;
        }
    }
    return result == OS_MAP_OCCUPIED ? open_each_locked(end) : result;
}

void mapping_open_witness_locked(void)
{
    if (!space.is_rationed && space.opened == space.frontier && space.opened < space.covered)
        open_below_locked(space.opened + 1);
}

static bool is_mapped(const struct superslab *superslab)
{
    return superslab->state != SUPERSLAB_FREE || superslab->is_kept;
}

/* Where address space is rationed: map those superslabs of a range that are not mapped. On failure
 * they are unmapped again. A superslab whose addresses the program uses is set aside for good. */
static enum os_map_result map_range_locked(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        struct superslab *superslab = &space.superslabs[i];
        if (is_mapped(superslab))
            continue;
        enum os_map_result result = os_map_at(superslab_start(superslab), SUPERSLAB_SIZE);
        if (result == OS_MAP_DONE)
            continue;
        if (result == OS_MAP_OCCUPIED)
            superslab_set_aside_locked(superslab);
        while (i-- > first)
            if (!is_mapped(&space.superslabs[i]))
                unmap(&space.superslabs[i]);
        return result;
    }
    return OS_MAP_DONE;
}

enum os_map_result mapping_open_locked(size_t first, size_t count)
{
    if (!reservation_cover_locked(first + count))
        return OS_MAP_NO_MEMORY;
    enum os_map_result result = OS_MAP_NO_MEMORY;
    if (!space.is_rationed)
        result = open_below_locked(first + count);
    if (space.is_rationed || (result == OS_MAP_NO_MEMORY && ration_locked()))
        result = map_range_locked(first, count);
    if (result == OS_MAP_DONE)
        include_locked(first, first + count);
    return result;
}
