/* SPDX-License-Identifier: MIT */
/*
 * Owns the use of huge pages. A grown heap gets each further superslab as one huge page: one fault
 * instead of 512, and one entry of the TLB. A young heap does not, since the unused part of a huge
 * page would be a large part of the heap. os_map_at forbids huge pages in every mapping, so that
 * the kernel makes none by itself. To back a superslab, this file allows huge pages there for a
 * moment, makes one present, and forbids them again; so the superslab stays part of the mapping
 * around it. (The Huge lane, in contrast, leaves them allowed in its open ranges.)
 * HAKMEM_HUGE_PAGES=always starts at the first superslab, and tries again however slow the kernel
 * is or how few huge pages it has. May never bring more memory into use than the limit leaves room
 * for.
 */
#include "slab/huge_page.h"

#include "slab/room.h"
#include "slab/space.h"

/* From this many superslabs in use on, the next one is backed by a huge page. The unused part of
 * that page is then at most 1/8 of the heap, and half of that on average. */
#define HUGE_PAGE_SUPERSLABS 8

/* The kernel needs 80 us for a huge page, and 600 us for its 512 pages one by one. A huge page that
 * takes longer than this is no gain: memory is fragmented, or the host of this virtual machine must
 * first provide the page (4 to 8 ms were measured). The next ones would be as slow. */
#define HUGE_PAGE_US_MAX 1000

static state_data size_t to_skip; /* superslabs to skip; under the superslab lock */

/* Did the kernel's last huge page come quickly? If not, this superslab is skipped. */
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

/* Back a superslab without present pages by a huge page. After a failed or slow try there is no
 * other until the heap has grown by three times its size. */
static bool back(struct superslab *superslab)
{
    uint64_t start = os_cpu_time_us();
    bool is_backed = os_back_huge_page(superslab_start(superslab), SUPERSLAB_SIZE);
    bool is_slow = os_cpu_time_us() - start > HUGE_PAGE_US_MAX;
    lock_acquire(&space.lock);
    superslab->is_huge_page = is_backed;
    if (!is_backed || is_slow)
        to_skip = 3 * max_size(space.used, HUGE_PAGE_SUPERSLABS);
    lock_release(&space.lock);
    return is_backed;
}

/* Does the limit leave room for the slabs that a huge page makes present besides the run? */
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
    bool is_grown = space.used >= HUGE_PAGE_SUPERSLABS || settings.huge_pages == HUGE_PAGES_ALWAYS;
    return is_grown && is_worth_trying_locked();
}

/* All slabs of the superslab are present now. Record this for the run and for the free slabs. Other
 * slabs were taken meanwhile by other threads: their records belong to those threads. */
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

/* Back a whole superslab of a range, in which no page may be present. */
static bool back_whole(struct superslab *superslab)
{
    lock_acquire(&space.lock);
    bool is_wanted = superslab->warm == 0 && is_worth_trying_locked();
    lock_release(&space.lock);
    return is_wanted && back(superslab);
}

/* Make bytes [from, to) of one superslab of a range present, but for its warm slabs. */
static void populate_part(struct superslab *superslab, size_t from, size_t to)
{
    char *start = superslab_start(superslab);
    if (from == 0 && to == SUPERSLAB_SIZE && back_whole(superslab))
        return;
    while (from < to) {
        size_t end = min_size(align_up(from + 1, SLAB_SIZE), to);
        uint32_t warm = word_load(&superslab->warm); /* the bits of a tail may change meanwhile */
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
