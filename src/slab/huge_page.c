/* SPDX-License-Identifier: MIT */
/*
 * Huge pages by range. A heap that has grown gets its next superslab in one huge page: one fault
 * instead of 512, and one entry of the TLB. A heap that is young does not, since what it never uses
 * of a huge page would be a large part of it. The reservation as a whole is barred from huge pages,
 * so that the kernel never makes one by itself, and it stays one mapping: a superslab is opened,
 * allowed huge pages, backed, and barred again. HAKMEM_HUGE_PAGES=always asks from the first
 * superslab on, and again however slow or short of huge pages the kernel is. May never bring more
 * into use than there is room for below the limit on memory.
 */
#include "slab/huge_page.h"

#include "slab/room.h"
#include "slab/space.h"

/* Superslabs in use from which on the next is backed by a huge page: what of it is unused at the
 * peak is then 1/16 of the heap at most, and half of that on average. */
#define GROWN_SUPERSLABS 8

/* A huge page takes the kernel 80 us, its 512 pages one by one 600 us. One that takes longer is no
 * gain: memory is fragmented, or the host of this virtual machine has yet to provide it (4 to 8 ms
 * were measured). The next ones would be no better. */
#define HUGE_PAGE_US_MAX 1000

static state_data size_t to_skip; /* superslabs that will not be tried; under the superslab lock */

/* Has the kernel lately given huge pages, and quickly? If not, this superslab is skipped. */
static bool is_worth_trying_locked(void)
{
    if (space.is_rationed || settings.huge_pages == HUGE_PAGES_OFF ||
        settings.ss_prefault == PREFAULT_OFF)
        return false;
    if (to_skip == 0 || settings.huge_pages == HUGE_PAGES_ALWAYS)
        return true;
    to_skip--;
    return false;
}

/* Back a superslab in which nothing is present by a huge page. A try that fails, or takes long, is
 * the last until the heap has grown by three times what it is. */
static bool back(struct superslab *superslab)
{
    uint64_t start = os_cpu_time_us();
    bool is_backed = os_back_huge_page(superslab_start(superslab), SUPERSLAB_SIZE);
    bool is_slow = os_cpu_time_us() - start > HUGE_PAGE_US_MAX;
    lock_acquire(&space.lock);
    superslab->is_huge_page = is_backed;
    if (!is_backed || is_slow)
        to_skip = 3 * max_size(space.used, GROWN_SUPERSLABS);
    lock_release(&space.lock);
    return is_backed;
}

/* Do the slabs that a huge page makes present, besides those of the run, fit below the limit? */
static bool is_room_locked(const struct superslab *superslab)
{
    return room_left() >= (int64_t)((size_t)__builtin_popcount(superslab->free) << SLAB_SHIFT);
}

static bool is_wanted_locked(const struct superslab *superslab, uint32_t run)
{
    if ((superslab->free | run) != ALL_SLABS || superslab->warm != 0 || !is_room_locked(superslab))
        return false;
    for (unsigned i = 0; i < SLABS_PER_SUPERSLAB; i++)
        if (superslab->slabs[i].resident != 0)
            return false;
    bool is_grown = space.used >= GROWN_SUPERSLABS || settings.huge_pages == HUGE_PAGES_ALWAYS;
    return is_grown && is_worth_trying_locked();
}

/* All slabs are present: those of the run, and those that are still free. Others were taken
 * meanwhile by another thread, whose record it is not ours to write. */
static void note_present_locked(struct superslab *superslab, struct slab *slab, uint32_t run)
{
    size_t pages = SLAB_SIZE / os_page_size();
    uint32_t free = superslab->free & ~superslab->warm;
    for (uint32_t rest = free; rest; rest &= rest - 1)
        superslab->slabs[lowest_bit(rest)].resident = (uint16_t)pages;
    slab->resident = (uint16_t)(pages * (unsigned)__builtin_popcount(run));
    if (!free)
        return;
    superslab_mark_zero_pages(superslab, free);
    room_charge((size_t)__builtin_popcount(free) << SLAB_SHIFT);
}

bool huge_page_back_run(struct slab *slab)
{
    if (slab->resident != 0)
        return false;
    struct superslab *superslab = superslab_of(slab->start);
    uint32_t run = run_mask(slab_number(slab->start), slab->slab_count);
    lock_acquire(&space.lock);
    bool is_wanted = is_wanted_locked(superslab, run);
    lock_release(&space.lock);
    if (!is_wanted)
        return false;
    if (!back(superslab))
        return false;
    lock_acquire(&space.lock);
    note_present_locked(superslab, slab, run);
    lock_release(&space.lock);
    return true;
}

/* A whole superslab of a range, in which nothing may be present. */
static bool back_whole(struct superslab *superslab)
{
    lock_acquire(&space.lock);
    bool is_wanted = superslab->warm == 0 && is_worth_trying_locked();
    lock_release(&space.lock);
    return is_wanted && back(superslab);
}

/* Bytes [from, to) of one superslab of a range. */
static void populate_part(struct superslab *superslab, size_t from, size_t to)
{
    char *start = superslab_start(superslab);
    if (from == 0 && to == SUPERSLAB_SIZE && back_whole(superslab))
        return;
    while (from < to) {
        size_t end = min_size(align_up(from + 1, SLAB_SIZE), to);
        uint32_t warm = word_load(&superslab->warm); /* the tail's bits may be changing */
        bool is_warm = warm >> (from >> SLAB_SHIFT) & 1;
        while (end < to && (warm >> (end >> SLAB_SHIFT) & 1) == is_warm)
            end = min_size(end + SLAB_SIZE, to);
        if (!is_warm)
            os_populate(start + from, end - from);
        from = end;
    }
}

void huge_page_note_range(char *start, size_t count)
{
    struct superslab *superslab = superslab_of(start);
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++)
        superslab[i].is_huge_page = true;
    lock_release(&space.lock);
}

void huge_page_populate_range(char *start, size_t from, size_t to)
{
    while (from < to) {
        size_t end = min_size(align_up(from + 1, SUPERSLAB_SIZE), to);
        size_t base = align_down(from, SUPERSLAB_SIZE);
        populate_part(superslab_of(start + base), from - base, end - base);
        from = end;
    }
}
