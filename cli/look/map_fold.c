/* SPDX-License-Identifier: MIT */
/*
 * Folds a map: a row stands for 2, 4, 8 ... superslabs, and a cell for as many slabs, until the map
 * is short enough to be read. A folded cell has the sums of its slabs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "look/map.h"

/* Do two rows have the same kinds, size classes and percentages in each cell? */
static bool looks_same(const struct map *map, const struct map_row *a, const struct map_row *b)
{
    for (size_t i = 0; i < CELLS_PER_ROW; i++) {
        const struct cell *left = &a->cells[i];
        const struct cell *right = &b->cells[i];
        struct map_sums first = map_cell_sums(map, a, left);
        struct map_sums second = map_cell_sums(map, b, right);
        if (memcmp(left, right, offsetof(struct cell, pages)) != 0 ||
            map_percent(first.live, first.bytes) != map_percent(second.live, second.bytes) ||
            map_percent(first.resident, first.bytes) != map_percent(second.resident, second.bytes))
            return false;
    }
    return true;
}

void map_merge_row(struct map_row *last, const struct map_row *row)
{
    last->count += row->count;
    for (size_t i = 0; i < CELLS_PER_ROW; i++) {
        last->cells[i].pages += row->cells[i].pages;
        last->cells[i].live += row->cells[i].live;
    }
}

void map_add_row(struct map *map, const struct map_row *row)
{
    struct map_row *last = map->count ? &map->rows[map->count - 1] : NULL;
    if (last && last->start + last->count * map_row_bytes(map) == row->start &&
        looks_same(map, last, row)) {
        map_merge_row(last, row);
        return;
    }
    if ((map->count & (map->count - 1)) == 0)
        map->rows = memory_resize(map->rows, map->count ? 2 * map->count : 1, sizeof *map->rows);
    map->rows[map->count++] = *row;
}

/* Purpose: the sums of the slabs in a folded cell. */
struct tally {
    uint64_t slabs[CELL_KINDS];
    uint8_t size_class[CELL_KINDS]; /* the class of all slabs of this kind, or 0 */
    uint64_t live;
    uint64_t pages;
};

/* Purpose: a row that is being folded. */
struct fold {
    struct map *map;
    uint64_t start;
    uint64_t superslabs; /* superslabs that it has so far */
    struct tally cells[CELLS_PER_ROW];
};

/* The part of `sum` that belongs to superslabs `from` to `to` - 1, if `count` superslabs look the
 * same. The parts add up to the sum. */
static uint64_t part_of(uint64_t sum, uint64_t count, uint64_t from, uint64_t to)
{
    uint64_t each = sum / count;
    uint64_t rest = sum % count;
    return each * (to - from) + rest * to / count - rest * from / count;
}

/* Add one slab of each of the superslabs `from` to `to` - 1, of `count` in which `cell` looks the
 * same. */
static void add_cell(struct tally *tally, const struct cell *cell, uint64_t count, uint64_t from,
                     uint64_t to)
{
    uint8_t *size_class = &tally->size_class[cell->kind];
    *size_class = tally->slabs[cell->kind] == 0 || *size_class == cell->size_class
                      ? cell->size_class
                      : 0;
    tally->slabs[cell->kind]++;
    tally->live += part_of(cell->live, count, from, to);
    tally->pages += part_of(cell->pages, count, from, to);
}

/* Free addresses count only if there is nothing else: a single block must stay visible. */
static struct cell cell_of(const struct tally *tally, uint64_t slabs)
{
    unsigned kind = CELL_COLD;
    for (unsigned other = CELL_COLD + 1; other < CELL_KINDS; other++)
        if (kind == CELL_COLD ? tally->slabs[other] > 0 : tally->slabs[other] > tally->slabs[kind])
            kind = other;
    return (struct cell){
        .kind = (uint8_t)kind,
        .size_class = tally->size_class[kind],
        .is_mixed = tally->slabs[kind] < slabs,
        .live = tally->live,
        .pages = (uint32_t)tally->pages,
    };
}

/* Add `count` superslabs of a row, from its superslab `from` on, which fit into the folded row; or
 * into `rows` folded rows that look the same. */
static void fill_row(struct fold *fold, const struct map_row *row, uint64_t from, uint64_t count,
                     uint64_t rows)
{
    for (uint64_t i = 0; i < count; i++, fold->superslabs++, from += rows)
        for (size_t slab = 0; slab < CELLS_PER_ROW; slab++)
            add_cell(&fold->cells[(fold->superslabs * CELLS_PER_ROW + slab) >> fold->map->shift],
                     &row->cells[slab], row->count, from, from + rows);
}

static void end_row(struct fold *fold, uint64_t count)
{
    struct map_row row = {.start = fold->start, .count = count};
    for (size_t i = 0; i < CELLS_PER_ROW; i++)
        row.cells[i] = cell_of(&fold->cells[i], (uint64_t)1 << fold->map->shift);
    map_add_row(fold->map, &row);
    *fold = (struct fold){.map = fold->map,
                          .start = fold->start + count * map_row_bytes(fold->map)};
}

static void fold_row(struct fold *fold, const struct map_row *row)
{
    const uint64_t room = (uint64_t)1 << fold->map->shift;
    for (uint64_t left = row->count; left > 0;) {
        uint64_t part = room - fold->superslabs < left ? room - fold->superslabs : left;
        /* many equal superslabs fold into many equal rows */
        uint64_t rows = fold->superslabs == 0 && left >= room ? left / room : 1;
        fill_row(fold, row, row->count - left, part, rows);
        left -= part + (rows - 1) * room;
        if (fold->superslabs == room)
            end_row(fold, rows);
    }
}

/* Fold `fine` into rows of 2^shift superslabs. False if there are still too many. */
static bool fold_map(const struct map *fine, unsigned shift, struct map *map)
{
    static const struct map_row nothing = {.count = 1};
    *map = (struct map){.shift = shift};
    struct fold fold = {.map = map, .start = fine->rows[0].start};
    for (size_t i = 0; i < fine->count && map->count <= MAP_ROWS_MOST; i++)
        fold_row(&fold, &fine->rows[i]);
    if (fold.superslabs > 0) {
        fill_row(&fold, &nothing, 0, ((uint64_t)1 << shift) - fold.superslabs, 1);
        end_row(&fold, 1);
    }
    if (map->count <= MAP_ROWS_MOST)
        return true;
    free(map->rows);
    return false;
}

void map_fold(struct map *map)
{
    struct map fine = *map;
    if (fine.count <= MAP_ROWS_MOST)
        return;
    for (unsigned shift = 1; !fold_map(&fine, shift, map); shift++)
        ;
    free(fine.rows);
}
