/* SPDX-License-Identifier: MIT */
/*
 * Figures of the slab layer, and a recount of the invariants written on struct space and struct
 * superslab. Takes the superslab lock, and may never change anything.
 */
#include "slab/slab_check.h"

#include "slab/space.h"

void slab_count(struct slab_figures *figures)
{
    size_t used = 0;
    size_t zero = 0;
    lock_acquire(&space.lock);
    for (size_t i = space.first; i < space.frontier; i++) {
        const struct superslab *superslab = &space.superslabs[i];
        used += superslab->state == SUPERSLAB_SLABS;
        if (superslab->state == SUPERSLAB_SLABS)
            zero += (size_t)__builtin_popcount(superslab->zero);
    }
    figures->huge_page_waste = zero << SLAB_SHIFT;
    figures->mapped_bytes = (used + space.claimed) << SUPERSLAB_SHIFT;
    figures->warm_bytes = atomic_load_explicit(&space.warm_slabs, memory_order_relaxed)
                          << SLAB_SHIFT;
    lock_release(&space.lock);
}

static unsigned fault(size_t index, const char *what)
{
    log_line("check: superslab %zu: %s", index, what);
    return 1;
}

/* Purpose: the sums of a recount. */
struct recount {
    size_t warm;
    size_t used;
    size_t used_slabs;
};

/* Slabs that are not free. The slabs behind a Huge block are free. */
static size_t used_slabs(const struct superslab *superslab)
{
    bool is_cut = superslab->state == SUPERSLAB_SLABS || superslab->state == SUPERSLAB_HUGE ||
                  (superslab->state == SUPERSLAB_FREE &&
                   superslab_is_taken(superslab_index(superslab)));
    return is_cut ? (size_t)__builtin_popcount(~superslab->free) : 0;
}

static unsigned check_superslab(size_t index, struct recount *recount)
{
    const struct superslab *superslab = &space.superslabs[index];
    recount->used_slabs += used_slabs(superslab);
    if (superslab->state == SUPERSLAB_HUGE)
        recount->warm += (size_t)__builtin_popcount(superslab->warm & superslab->free);
    bool is_taken = space.taken[index / 64] >> (index % 64) & 1;
    if (superslab->state == SUPERSLAB_FREE)
        return 0; /* taken or not: check_claimed counts it */
    recount->used += superslab->state == SUPERSLAB_SLABS && superslab->free != ALL_SLABS;
    if (superslab->state != SUPERSLAB_SLABS)
        return is_taken ? 0 : fault(index, "taken, but not marked so");
    unsigned faults = 0;
    recount->warm += (size_t)__builtin_popcount(superslab->warm);
    if (superslab->warm & ~superslab->free)
        faults += fault(index, "a warm slab is not free");
    if (superslab->zero & ~superslab->warm)
        faults += fault(index, "a slab with zero pages is not warm");
    if (superslab->pooled & superslab->free)
        faults += fault(index, "a slab of the pools is free");
    if (is_taken != (superslab->free != ALL_SLABS))
        faults += fault(index, "the taken bit is wrong");
    if (superslab->run[RUN_FREE] != superslab_longest_run(superslab->free))
        faults += fault(index, "in the wrong list of free runs");
    if (superslab->run[RUN_WARM] != superslab_longest_run(superslab->warm))
        faults += fault(index, "in the wrong list of warm runs");
    return faults;
}

static unsigned check_claimed(void)
{
    size_t claimed = 0;
    for (size_t i = space.first; i < space.frontier; i++)
        claimed += space.superslabs[i].state == SUPERSLAB_HUGE ||
                   (space.superslabs[i].state == SUPERSLAB_FREE && superslab_is_taken(i));
    if (claimed == space.claimed)
        return 0;
    log_line("check: %zu superslabs are claimed, but %zu are counted", claimed, space.claimed);
    return 1;
}

static unsigned check_seams(void)
{
    size_t seams = 0;
    for (size_t i = space.first; i <= space.frontier && i < space.covered; i++)
        seams += space.superslabs[i].is_seam;
    if (seams == space.seams)
        return 0;
    log_line("check: %zu superslabs begin a mapping, but %zu are counted", seams, space.seams);
    return 1;
}

static unsigned check_list(enum run_kind kind, unsigned run)
{
    unsigned faults = 0;
    bool is_occupied = space.occupied[kind] >> run & 1;
    const struct superslab *previous = NULL;
    for (const struct superslab *at = space.list[kind][run]; at; at = at->next[kind]) {
        if (at->run[kind] != run || at->prev[kind] != previous)
            faults += fault(superslab_index(at), "a list's links are wrong");
        previous = at;
    }
    if (is_occupied != (space.list[kind][run] != NULL)) {
        log_line("check: list %u of kind %u: the occupied bit is wrong", run, (unsigned)kind);
        faults++;
    }
    return faults;
}

static unsigned check_count(const char *what, size_t found, size_t counted)
{
    if (found == counted)
        return 0;
    log_line("check: %zu %s, but %zu are counted", found, what, counted);
    return 1;
}

unsigned slab_check(void)
{
    unsigned faults = 0;
    struct recount recount = {0};
    lock_acquire(&space.lock);
    for (size_t i = space.first; i < space.frontier; i++)
        faults += check_superslab(i, &recount);
    for (unsigned run = 1; run < RUN_LISTS; run++)
        faults += check_list(RUN_FREE, run) + check_list(RUN_WARM, run);
    faults += check_count("slabs are warm", recount.warm, space_warm_slabs());
    faults += check_count("slabs are used", recount.used_slabs,
                          atomic_load_explicit(&space.used_slabs, memory_order_relaxed));
    faults += check_count("superslabs are used", recount.used, space.used);
    faults += check_claimed() + check_seams();
    lock_release(&space.lock);
    return faults;
}
