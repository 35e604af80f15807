/* SPDX-License-Identifier: MIT */
/*
 * Owns which open superslabs core dumps leave out: steps of superslabs that are free and whose
 * pages are gone, until they are used again. Each step left out between others is a mapping of its
 * own, so their number is bounded. Called by superslab.c and decay.c; calls the kernel.
 */
#include "slab/space.h"

/* Superslabs that are left out, or included again, in one call. */
#define STEP ((size_t)4)
/* In the first terabyte of the reservation: a heap that is larger is not dumped often. */
#define STEPS_MAX ((TIB >> SUPERSLAB_SHIFT) / STEP)

/* The most holes; twice as many may come to be when parts of a hole are used again. */
#define HOLES_MAX 50

/* Purpose: the steps below space.opened that are left out; `holes` are runs of them. Owner: the
 * superslab lock. */
static state_data struct {
    uint64_t out[STEPS_MAX / 64];
    size_t holes;
} dump;

static bool is_left_out(size_t step)
{
    return word_load(&dump.out[step / 64]) >> (step % 64) & 1; /* also read without the lock */
}

/* How many of its neighbours are left out? */
static size_t neighbours_out(size_t step)
{
    size_t count = step > 0 && is_left_out(step - 1);
    return count + (step + 1 < STEPS_MAX && is_left_out(step + 1));
}

bool dump_is_left_out(size_t index)
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

void dump_include_locked(size_t first, size_t end)
{
    size_t step = first / STEP;
    for (; step < STEPS_MAX && step * STEP < end; step++)
        if (is_left_out(step))
            include_step(step);
    /* too many holes: the rest of this one goes too */
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

/* False when the step must stay in, or is left out already. */
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
    /* it came into use meanwhile, and was included before it was left out */
    if (is_back)
        advise(step, true);
    return true;
}

void dump_leave_out(const struct superslab *superslab)
{
    size_t step = superslab_index(superslab) / STEP;
    if (space.is_rationed || !leave_out(step))
        return;
    /* neighbours for which there were too many holes */
    for (size_t next = step + 1; leave_out(next);)
        next++;
    for (size_t last = step; last > 0 && leave_out(last - 1);)
        last--;
}
