/* SPDX-License-Identifier: MIT */
/*
 * Copies the table of superslabs, the records of slabs, and their bitmaps. Only those pages of the
 * table are read for which the target has memory; the others count as zeros. A record in an
 * impossible place is left out, and so is a slab without a bitmap.
 */
#include "heap/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "heap/residency.h"
#include "heap/target_read.h"

/* Pages of the table that are read in one step. */
#define STEP_PAGES ((size_t)256)
/* A heap that changes while it is read may contradict itself in some places. If it does so in more
 * than these, and in more than an eighth of its superslabs, it is damaged. */
#define REFUSED_MAX 64

/* ---- the table ---- */

static size_t chunk_count(const struct heap_view *view)
{
    return (view->count + CHUNK_SUPERSLABS - 1) / CHUNK_SUPERSLABS;
}

static bool is_zero(const char *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Store bytes of the table, from `offset` on, counted from the first superslab of the view. */
static void store_bytes(struct heap_view *view, uint64_t offset, const char *bytes, size_t size)
{
    const size_t one = sizeof(union seen_superslab);
    while (size > 0) {
        uint64_t index = offset / one;
        size_t skip = offset % one;
        size_t part = one - skip < size ? one - skip : size;
        struct superslab_chunk **chunk = &view->chunks[index / CHUNK_SUPERSLABS];
        bool is_empty = is_zero(bytes, part);
        if (!*chunk && !is_empty) {
            *chunk = memory_resize(NULL, 1, sizeof **chunk);
            memset(*chunk, 0, sizeof **chunk);
        }
        if (!is_empty)
            memcpy((char *)&(*chunk)->superslabs[index % CHUNK_SUPERSLABS] + skip, bytes, part);
        offset += part;
        bytes += part;
        size -= part;
    }
}

/* Read the bytes [from, to) of the table, addresses of the target, as far as the target has
 * them. */
static bool read_table(struct heap_view *view, uint64_t from, uint64_t to)
{
    static uint8_t own[STEP_PAGES];
    static char page[TARGET_PAGE];
    for (uint64_t at = from / TARGET_PAGE * TARGET_PAGE; at < to;) {
        uint64_t rest = (to - at + TARGET_PAGE - 1) / TARGET_PAGE;
        size_t pages = rest < STEP_PAGES ? rest : STEP_PAGES;
        target_own(view->target, at, pages, own);
        for (size_t i = 0; i < pages; i++, at += TARGET_PAGE) {
            uint64_t start = at > from ? at : from;
            uint64_t end = at + TARGET_PAGE < to ? at + TARGET_PAGE : to;
            if (!own[i])
                continue;
            if (!target_read(view->target, start, page, end - start))
                return target_fail_named(view->target, "its table of superslabs cannot be read");
            store_bytes(view, start - from, page, end - start);
        }
    }
    return true;
}

static const union seen_superslab unused;

const union seen_superslab *heap_superslab(const struct heap_view *view, size_t index)
{
    const struct superslab_chunk *chunk = view->chunks[index / CHUNK_SUPERSLABS];
    return chunk ? &chunk->superslabs[index % CHUNK_SUPERSLABS] : &unused;
}

struct record_view *heap_records(const struct heap_view *view, size_t index)
{
    const struct superslab_chunk *chunk = view->chunks[index / CHUNK_SUPERSLABS];
    return chunk ? chunk->records[index % CHUNK_SUPERSLABS] : NULL;
}

size_t heap_unused(const struct heap_view *view, size_t index)
{
    size_t next = (index / CHUNK_SUPERSLABS + 1) * CHUNK_SUPERSLABS;
    if (view->chunks[index / CHUNK_SUPERSLABS])
        return 0;
    return (next < view->count ? next : view->count) - index;
}

/* ---- records ---- */

/* Purpose: the claimed place of a superslab's records. */
struct place {
    const struct slab *records;
    size_t index;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    return (left->records > right->records) - (left->records < right->records);
}

static struct place *list_places(const struct heap_view *view, size_t *count)
{
    struct place *places = NULL;
    *count = 0;
    for (size_t i = 0; i < view->count;) {
        size_t skip = heap_unused(view, i);
        const struct slab *records = skip ? NULL : heap_superslab(view, i)->slabs;
        if (records) {
            if ((*count & (*count - 1)) == 0)
                places = memory_resize(places, *count ? 2 * *count : 1, sizeof *places);
            places[(*count)++] = (struct place){records, i};
        }
        i += skip ? skip : 1;
    }
    if (*count > 0)
        qsort(places, *count, sizeof *places, compare_places);
    return places;
}

/* Are the records apart from those of all other superslabs? */
static bool is_apart(const struct place *places, size_t count, size_t i)
{
    const uint64_t size = sizeof(union seen_slab[SLABS_PER_SUPERSLAB]);
    uint64_t at = (uintptr_t)places[i].records;
    return at % META_ALIGN == 0 && (i == 0 || at - (uintptr_t)places[i - 1].records >= size) &&
           (i + 1 == count || (uintptr_t)places[i + 1].records - at >= size);
}

static void read_record(struct heap_view *view, const struct place *place)
{
    struct record_view *copy = memory_resize(NULL, 1, sizeof *copy);
    memset(copy->bits, 0, sizeof copy->bits);
    if (!heap_meta_read(view, place->records, copy->slabs, sizeof copy->slabs)) {
        free(copy);
        return;
    }
    view->chunks[place->index / CHUNK_SUPERSLABS]->records[place->index % CHUNK_SUPERSLABS] = copy;
}

/* Returns how many superslabs have records; *refused is how many of these could not be read. */
static size_t read_records(struct heap_view *view, size_t *refused)
{
    size_t count;
    struct place *places = list_places(view, &count);
    *refused = 0;
    for (size_t i = 0; i < count && !view->is_over; i++) {
        if (is_apart(places, count, i))
            read_record(view, &places[i]);
        *refused += !heap_records(view, places[i].index);
    }
    free(places);
    return count;
}

bool heap_is_block_run(const struct heap_view *view, size_t index, unsigned number)
{
    const union seen_slab *slab = &heap_records(view, index)->slabs[number];
    uint64_t start = heap_superslab_address(view, index) + ((uint64_t)number << SLAB_SHIFT);
    if (slab->state != SLAB_BLOCKS || !is_block_class(slab->size_class))
        return false;
    const struct size_class *row = &size_classes[slab->size_class];
    return (uintptr_t)slab->start == start && slab->head_delta == 0 && slab->size == row->size &&
           seen_pooled(slab)->block_count == row->blocks && slab->slab_count == row->slabs &&
           number + slab->slab_count <= SLABS_PER_SUPERSLAB &&
           seen_pooled(slab)->free_count <= seen_pooled(slab)->block_count;
}

static size_t bits_size(const union seen_slab *slab)
{
    return (seen_pooled(slab)->block_count + 63u) / 64 * sizeof(uint64_t);
}

/* Read those bitmaps of one superslab that are outside their records. Returns how many are
 * missing. */
static size_t read_bitmaps_of(struct heap_view *view, size_t index)
{
    struct record_view *records = heap_records(view, index);
    size_t missing = 0;
    for (unsigned number = 0; number < SLABS_PER_SUPERSLAB; number++) {
        const union seen_slab *slab = &records->slabs[number];
        if (!heap_is_block_run(view, index, number) ||
            seen_pooled(slab)->block_count <= SLAB_INLINE_WORDS * 64)
            continue;
        uint64_t *bits = memory_resize(NULL, 1, bits_size(slab));
        if (heap_meta_read(view, seen_pooled(slab)->bits, bits, bits_size(slab))) {
            records->bits[number] = bits;
        } else {
            free(bits);
            missing++;
        }
    }
    return missing;
}

static size_t read_bitmaps(struct heap_view *view)
{
    size_t missing = 0;
    for (size_t i = 0; i < view->count && !view->is_over;) {
        size_t skip = heap_unused(view, i);
        if (!skip && heap_records(view, i))
            missing += read_bitmaps_of(view, i);
        i += skip ? skip : 1;
    }
    return missing;
}

bool heap_table_read(struct heap_view *view)
{
    uint64_t table = (uintptr_t)view->space.superslabs;
    size_t refused;
    view->chunks = calloc(chunk_count(view) + 1, sizeof view->chunks[0]);
    if (!view->chunks)
        return target_fail_named(view->target, "its heap is too large to be looked at");
    if (!read_table(view, table + view->first * sizeof(union seen_superslab),
                    table + (view->first + view->count) * sizeof(union seen_superslab)))
        return false;
    size_t count = read_records(view, &refused);
    size_t missing = read_bitmaps(view);
    view->implausible += (unsigned)(refused + missing);
    if (refused > REFUSED_MAX + count / 8)
        return target_fail_damaged(view->target, "its superslabs have no records of their own");
    if (missing > REFUSED_MAX + count / 8 * SLABS_PER_SUPERSLAB)
        return target_fail_damaged(view->target, "its slabs have no bitmaps");
    return true;
}

void heap_table_free(struct heap_view *view)
{
    for (size_t i = 0; view->chunks && i < chunk_count(view); i++) {
        for (size_t j = 0; view->chunks[i] && j < CHUNK_SUPERSLABS; j++) {
            struct record_view *records = view->chunks[i]->records[j];
            for (unsigned number = 0; records && number < SLABS_PER_SUPERSLAB; number++)
                free(records->bits[number]);
            free(records);
        }
        free(view->chunks[i]);
    }
    free(view->chunks);
    view->chunks = NULL;
}
