/* SPDX-License-Identifier: MIT */
/*
 * Makes the reservation: one mapping of address space, or a window of addresses where address space
 * is rationed, with the slab map, the table of superslabs and the metadata at its head. Called by
 * the api layer's start; fills struct space. Nothing of the layer works before it has succeeded.
 */
#include "slab/space.h"

#include <string.h>

/* Superslabs are made accessible in steps, of a part of what is accessible and at most so many: a
 * process that has called mlockall() gets all pages of a step at once. */
#define OPEN_PART 4
#define OPEN_STEP_MAX ((size_t)32)

/* Static, zero: a reservation of no size, whose heap is empty, until the real one exists. */
static struct reservation reservation_none;
struct reservation *reservation = &reservation_none;

/* Purpose: where things are in a reservation of `size` bytes, as offsets from its base. */
struct layout {
    size_t size;
    size_t superslabs;
    size_t taken;
    size_t meta;
    size_t blocks; /* the first superslab that lanes may have */
};

static struct layout layout_of(size_t size, size_t meta_size)
{
    struct layout layout = {.size = size};
    size_t count = size >> SUPERSLAB_SHIFT;
    layout.superslabs = SLAB_MAP_OFFSET + align_up(size >> SLAB_SHIFT, 4 * KIB);
    layout.taken = layout.superslabs + align_up(count * sizeof(struct superslab), 4 * KIB);
    layout.meta = align_up(layout.taken + count / 8, SLAB_SIZE);
    layout.blocks = align_up(layout.meta + meta_size, SUPERSLAB_SIZE);
    return layout;
}

/* Of what has been reserved nothing but the head is accessible. Returns the base, aligned to
 * superslabs; NULL when it cannot be used. */
static char *open_head(char *mapped, size_t size)
{
    char *base = (char *)align_up((uintptr_t)mapped, SUPERSLAB_SIZE);
    os_forbid(mapped, size + SUPERSLAB_SIZE);
    if (os_permit(base, layout_of(size, size / META_SHARE).meta))
        return base;
    os_unmap(mapped, size + SUPERSLAB_SIZE);
    return NULL;
}

/* A mapping of the largest size that there is. */
static char *reserve_whole(size_t *size)
{
    for (*size = RESERVATION_MAX; *size >= RESERVATION_MIN; *size /= 2) {
        char *mapped = os_reserve(*size + SUPERSLAB_SIZE);
        if (mapped)
            return open_head(mapped, *size);
        /* half of all that may be charged is not ours to take */
        if (*size == RESERVATION_MAX && os_commit_is_strict())
            break;
    }
    return NULL;
}

/* A window of addresses of which only the head is mapped. The kernel hands out addresses downward,
 * so the window lies below the one that it would give next; above it where there is no room
 * below. */
static char *reserve_window(size_t size, size_t head)
{
    uintptr_t next = (uintptr_t)os_find_room(SUPERSLAB_SIZE);
    if (!next)
        return NULL;
    char *base = (char *)(next > 2 * size ? align_down(next - size, SUPERSLAB_SIZE)
                                          : align_up(next, SUPERSLAB_SIZE));
    return os_map_at(base, head) == OS_MAP_DONE ? base : NULL;
}

/* Every program uses these pages at once: a call for each is cheaper than its fault. */
static void populate_first_pages(char *base, const struct layout *layout)
{
    size_t page = os_page_size();
    size_t index = layout->blocks >> SUPERSLAB_SHIFT;
    const size_t used[] = {0, SLAB_MAP_OFFSET + (layout->blocks >> SLAB_SHIFT),
                           layout->superslabs + index * sizeof(struct superslab),
                           layout->taken + index / 8};
    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++)
        os_populate(base + align_down(used[i], page), page);
}

static void publish(char *base, const struct layout *layout, bool is_piecewise)
{
    struct reservation *head = (struct reservation *)base;
    space.is_piecewise = is_piecewise;
    space.base = base;
    space.count = layout->size >> SUPERSLAB_SHIFT;
    space.superslabs = (struct superslab *)(base + layout->superslabs);
    space.taken = (uint64_t *)(base + layout->taken);
    space.first = space.frontier = space.lowest_free = layout->blocks >> SUPERSLAB_SHIFT;
    slab_allow(INT64_MAX);
    space.opened = is_piecewise ? space.count : space.frontier;
    meta_init(base + layout->meta, layout->blocks - layout->meta, !is_piecewise);
    head->size = layout->size;
    head->superslabs = space.superslabs;
    /* release: whoever sees the new base sees a head with its size */
    __atomic_store_n(&reservation, head, __ATOMIC_RELEASE);
}

bool reservation_make(void)
{
    size_t size = 0;
    char *base = os_address_space_is_limited() ? NULL : reserve_whole(&size);
    bool is_piecewise = base == NULL;
    if (is_piecewise)
        size = RESERVATION_WINDOW;
    struct layout layout = layout_of(size, size / META_SHARE);
    if (is_piecewise)
        base = reserve_window(size, layout.meta);
    if (!base)
        return false;
    os_name(base, is_piecewise ? layout.meta : size, OS_NAME);
    populate_first_pages(base, &layout);
    publish(base, &layout, is_piecewise);
    return true;
}

/* Who reads a core file needs the slab map and the table as far as they are used. */
static void include_tables(size_t end)
{
    size_t page = os_page_size();
    os_dump(space.base, align_up(SLAB_MAP_OFFSET + end * SLABS_PER_SUPERSLAB, page), true);
    /* the table need not begin at a page, where one is of more than 4 KiB */
    char *table = (char *)align_down((uintptr_t)space.superslabs, page);
    size_t before = (size_t)((char *)space.superslabs - table);
    os_dump(table, align_up(before + end * sizeof(struct superslab), page), true);
}

static bool permit_locked(size_t end)
{
    char *start = space.base + (space.opened << SUPERSLAB_SHIFT);
    size_t size = (end - space.opened) << SUPERSLAB_SHIFT;
    if (!os_permit(start, size))
        return false;
    os_dump(start, size, true);
    include_tables(end);
    space.opened = end;
    return true;
}

bool reservation_open_locked(size_t end)
{
    if (end <= space.opened)
        return true;
    size_t step = min_size((space.opened - space.first) / OPEN_PART, OPEN_STEP_MAX);
    return permit_locked(min_size(end + step, space.count)) || permit_locked(end);
}

void superslab_unmap(struct superslab *superslab)
{
    char *start = superslab_start(superslab);
    superslab->is_kept = !os_unmap(start, SUPERSLAB_SIZE);
    if (superslab->is_kept && !slab_purge(start, SUPERSLAB_SIZE))
        memset(start, 0, SUPERSLAB_SIZE);
}

size_t reservation_bytes(void)
{
    return space.count << SUPERSLAB_SHIFT;
}

bool reservation_is_whole(void)
{
    return !space.is_piecewise;
}

void slab_map_set(const char *start, unsigned count, unsigned byte)
{
    struct reservation *base = reservation_get();
    uint8_t *at = slab_map_at(base, reservation_offset(base, start));
    for (unsigned i = 0; i < count; i++)
        word_store(&at[i], (uint8_t)byte);
}
