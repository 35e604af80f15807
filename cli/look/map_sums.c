/* SPDX-License-Identifier: MIT */
/*
 * The sums of a cell or a row of a map: in bytes, in percent and in words.
 */
#include <inttypes.h>
#include <stdio.h>

#include "lane/lane.h"
#include "look/map.h"

uint64_t map_row_bytes(const struct map *map)
{
    return (uint64_t)SUPERSLAB_SIZE << map->shift;
}

uint64_t map_cell_bytes(const struct map *map)
{
    return (uint64_t)SLAB_SIZE << map->shift;
}

struct map_sums map_cell_sums(const struct map *map, const struct map_row *row,
                              const struct cell *cell)
{
    return (struct map_sums){map_cell_bytes(map) * row->count, cell->live,
                             (uint64_t)cell->pages * TARGET_PAGE};
}

struct map_sums map_row_sums(const struct map *map, const struct map_row *row)
{
    struct map_sums sums = {map_row_bytes(map) * row->count, 0, 0};
    for (size_t i = 0; i < CELLS_PER_ROW; i++) {
        struct map_sums cell = map_cell_sums(map, row, &row->cells[i]);
        sums.live += cell.live;
        sums.resident += cell.resident;
    }
    return sums;
}

unsigned map_percent(uint64_t part, uint64_t whole)
{
    /* a cell that changes while it is read may seem to contain more than its size */
    return part >= whole ? 100 : (unsigned)(100 * (double)part / (double)whole + 0.5);
}

struct short_text map_share(uint64_t part, uint64_t whole)
{
    struct short_text text = {"<1 %"};
    unsigned percent = map_percent(part, whole);
    if (percent > 0 || part == 0)
        snprintf(text.bytes, sizeof text.bytes, "%u %%", percent);
    return text;
}

void map_describe(const struct cell *cell, const struct map_sums *sums, char *text, size_t size)
{
    static const char *const words[CELL_KINDS] = {
        [CELL_COLD] = "free addresses",  [CELL_WARM] = "free, kept ready",
        [CELL_TINY] = "Tiny blocks",     [CELL_POOL] = "Pool blocks",
        [CELL_ACE] = "ACE spans",        [CELL_HUGE] = "Huge block",
        [CELL_OTHER] = "not the heap's",
    };
    const char *mostly = cell->is_mixed ? "mostly " : "";
    bool has_live = cell->kind >= CELL_TINY && cell->kind <= CELL_HUGE;
    int done = 0;
    if (cell->size_class)
        done = snprintf(text, size, "%s%s of %" PRIu32 " bytes", mostly,
                        cell->kind == CELL_ACE ? "ACE span" : "blocks",
                        size_classes[cell->size_class].size);
    else
        done = snprintf(text, size, "%s%s", mostly, words[cell->kind]);
    if (has_live)
        done += snprintf(text + done, size - (size_t)done, ", %s live",
                         map_share(sums->live, sums->bytes).bytes);
    snprintf(text + done, size - (size_t)done, ", %s resident",
             map_share(sums->resident, sums->bytes).bytes);
}
