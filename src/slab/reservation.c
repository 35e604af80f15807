/* SPDX-License-Identifier: MIT */
/*
 * Owns the reservation: a range of addresses of which only the used parts are mapped. Its head
 * holds the slab map, the table of superslabs and the metadata; the rest is superslabs, which
 * mapping.c maps. The tables are mapped in steps as the heap grows. May never replace a mapping of
 * the program: each step is mapped only where there is no mapping yet. Nothing of the layer works
 * before reservation_make has succeeded.
 */
#include "slab/reservation.h"

#include "slab/meta.h"
#include "slab/room.h"
#include "slab/space.h"

#include <string.h>
#include <sys/auxv.h>

/* Places that are tried. A copy of the process keeps its parent's reservation at one place, so each
 * generation of copies that start afresh needs another. */
#define PLACES 64

/* The thread sanitizer keeps its own data at all these places, and ends the program for a try. */
#ifdef HAK_TSAN
#define ARE_PLACES_TAKEN true
#else
#define ARE_PLACES_TAKEN false
#endif

/* Static and zero: a reservation of size 0, whose front bytes are an empty thread cache. It is used
 * until the real one exists. */
static struct reservation reservation_none;
struct reservation *reservation = &reservation_none;

/* Purpose: the layout of a reservation of `size` bytes, as offsets from its base. */
struct layout {
    size_t size;
    size_t superslabs;
    size_t taken;
    size_t meta;
    size_t blocks; /* the first superslab that lanes may have */
};

static struct layout layout_of(size_t size)
{
    struct layout layout = {.size = size};
    size_t count = size >> SUPERSLAB_SHIFT;
    layout.superslabs = align_up(SLAB_MAP_OFFSET + (size >> SLAB_SHIFT), SLAB_SIZE);
    layout.taken = align_up(layout.superslabs + count * sizeof(struct superslab), SLAB_SIZE);
    layout.meta = align_up(layout.taken + count / 8, SLAB_SIZE);
    layout.blocks = align_up(layout.meta + size / META_SHARE, SUPERSLAB_SIZE);
    return layout;
}

/* ---- the tables ---- */

/* Purpose: bytes [from, to) of the head, as offsets from the base; whole pages. */
struct part {
    size_t from;
    size_t to;
};

static struct part part_of(size_t start, size_t from, size_t to)
{
    size_t page = os_page_size();
    /* a page shared with an earlier step is mapped already */
    return (struct part){align_up(start + from, page), align_up(start + to, page)};
}

/* Map all parts, or none. */
static bool map_parts(char *base, const struct part *parts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t size = parts[i].to - parts[i].from;
        if (size == 0 || os_map_at(base + parts[i].from, size) == OS_MAP_DONE)
            continue;
        while (i-- > 0)
            if (parts[i].to > parts[i].from)
                os_unmap(base + parts[i].from, parts[i].to - parts[i].from);
        return false;
    }
    return true;
}

/* Map the parts of the tables for superslabs [from, to): of the slab map, the superslab table and
 * the taken bitmap. At the first call `from` is the first superslab that lanes may have; only the
 * slab map has bytes for addresses below it. */
static bool map_tables(char *base, const struct layout *layout, size_t from, size_t to)
{
    size_t page = os_page_size();
    bool is_first = from == layout->blocks >> SUPERSLAB_SHIFT;
    struct part parts[] = {
        part_of(SLAB_MAP_OFFSET, from * SLABS_PER_SUPERSLAB, to * SLABS_PER_SUPERSLAB),
        part_of(layout->superslabs, from * sizeof(struct superslab), to * sizeof(struct superslab)),
        part_of(layout->taken, from / 8, align_up(to, 64) / 8),
    };
    if (is_first) {
        parts[0].from = 0;
        parts[1].from = align_down(layout->superslabs + from * sizeof(struct superslab), page);
        parts[2].from = align_down(layout->taken + from / 8, page);
    }
    return map_parts(base, parts, 3);
}

bool reservation_cover_locked(size_t end)
{
    struct layout layout = layout_of(space.count << SUPERSLAB_SHIFT);
    size_t base = layout.blocks >> SUPERSLAB_SHIFT;
    size_t covered = space.covered;
    while (covered < end)
        covered = min_size(covered + (covered - base), space.count);
    if (covered == space.covered)
        return true;
    if (!map_tables(space.base, &layout, space.covered, covered))
        return false;
    space.covered = covered;
    struct reservation *head = (struct reservation *)space.base;
    /* release: a thread that sees the new size sees mapped tables */
    __atomic_store_n(&head->size, covered << SUPERSLAB_SHIFT, __ATOMIC_RELEASE);
    return true;
}

/* ---- a place for the reservation ---- */

/* The size of the user's address space: 47 bits on most machines. The stack lies just below its
 * end. */
static size_t user_space(void)
{
    uintptr_t stack = (uintptr_t)__builtin_frame_address(0);
    return (size_t)2 << highest_bit(stack);
}

/* Is address-space randomization off (setarch -R, gdb)? The program's name, the last item above the
 * stack, lies in the last pages of the address space then. */
static bool is_place_fixed(void)
{
    uintptr_t name = getauxval(AT_EXECFN);
    return name != 0 && user_space() - name < 4 * os_page_size();
}

/* Mix all bits of a word (Stafford 2011, "Better bit mixing", variant 13). */
static uint64_t mix(uint64_t word)
{
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    return word ^ word >> 31;
}

/* The place follows from the 16 random bytes that the kernel gives each program. The address of a
 * block reveals 22 bits of a mixture of these bytes, which is not enough to compute any of them. */
static uint64_t place_number(unsigned attempt)
{
    uint64_t random[2] = {0, 0};
    const void *given = (const void *)getauxval(AT_RANDOM);
    if (given && !is_place_fixed())
        memcpy(random, given, sizeof(random));
    return mix(mix(random[0]) + random[1] + attempt);
}

/* The kernel maps programs at two thirds of the address space, and libraries below its end.
 * Programs that choose addresses themselves often choose the lowest quarter. The reservation begins
 * at a random place behind that quarter and ends below the program. */
static char *place_of(unsigned attempt)
{
    size_t space_size = user_space();
    size_t first = space_size / 4;
    size_t spread = space_size / 16;
    size_t offset = (size_t)place_number(attempt) % (spread / SUPERSLAB_SIZE) * SUPERSLAB_SIZE;
    return (char *)(first + offset);
}

static size_t first_covered(const struct layout *layout)
{
    return (layout->blocks + min_size(RESERVATION_COVERED, layout->size - layout->blocks)) >>
           SUPERSLAB_SHIFT;
}

static bool map_window(char *base, const struct layout *layout)
{
    return map_tables(base, layout, layout->blocks >> SUPERSLAB_SHIFT, first_covered(layout));
}

/* Map the tables at a place where there is no mapping. If no place is free (a sanitizer may have
 * them), take a smaller reservation below the address that the kernel would choose next, since the
 * kernel chooses downward. Returns the base; NULL on failure. */
static char *open_window(struct layout *layout)
{
    for (unsigned attempt = ARE_PLACES_TAKEN ? PLACES : 0; attempt < PLACES; attempt++) {
        char *base = place_of(attempt);
        if (map_window(base, layout))
            return base;
    }
    *layout = layout_of(min_size(RESERVATION_SMALL, layout->size));
    uintptr_t next = (uintptr_t)os_find_room(SUPERSLAB_SIZE);
    char *base = (char *)align_down(next - layout->size, SUPERSLAB_SIZE);
    return next > 2 * layout->size && map_window(base, layout) ? base : NULL;
}

/* Every program uses these pages at once. A call for each is cheaper than a page fault. */
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

static void publish(char *base, const struct layout *layout, size_t covered)
{
    struct reservation *head = (struct reservation *)base;
    /* under a filter the limits are not asked for; mapping.c rations when the kernel refuses
     * memory */
    space.is_rationed = !os_is_filtered() && os_address_space_is_limited();
    space.base = base;
    space.count = layout->size >> SUPERSLAB_SHIFT;
    space.superslabs = (struct superslab *)(base + layout->superslabs);
    space.taken = (uint64_t *)(base + layout->taken);
    space.first = space.frontier = space.lowest_free = layout->blocks >> SUPERSLAB_SHIFT;
    space.covered = covered;
    space.opened = space.first;
    room_set(INT64_MAX);
    meta_init(base + layout->meta, layout->blocks - layout->meta, false);
    head->size = covered << SUPERSLAB_SHIFT;
    head->superslabs = space.superslabs;
    /* release: a thread that sees the new base sees a head with its size */
    __atomic_store_n(&reservation, head, __ATOMIC_RELEASE);
}

void reservation_forget(void)
{
    word_store(&reservation, &reservation_none);
}

bool reservation_make(void)
{
    struct layout layout = layout_of(min_size(RESERVATION_MAX, user_space() / RESERVATION_PART));
    char *base = open_window(&layout);
    if (!base)
        return false;
    populate_first_pages(base, &layout);
    publish(base, &layout, first_covered(&layout));
    return true;
}

size_t reservation_bytes(void)
{
    return (space.count - space.first) << SUPERSLAB_SHIFT;
}

void slab_map_set(const char *start, unsigned count, unsigned byte)
{
    struct reservation *base = reservation_get();
    uint8_t *at = slab_map_at(base, reservation_offset(base, start));
    for (unsigned i = 0; i < count; i++)
        word_store(&at[i], (uint8_t)byte);
}

struct slab *slab_find_any(const void *pointer)
{
    struct reservation *base = reservation_get();
    size_t index = reservation_offset(base, pointer) >> SUPERSLAB_SHIFT;
    /* other rows of the table may not be mapped */
    bool is_row = index >= space.first && index < word_load(&space.frontier);
    return is_row ? slab_find(pointer) : NULL;
}
