/* SPDX-License-Identifier: MIT */
/*
 * A heap as a picture: rows of cells. map_rows.c makes a row for each superslab, with a cell for
 * each slab; map_fold.c folds them, so that no heap has more than MAP_ROWS_MOST rows; map_sums.c
 * adds them up; map.c draws the rows in the terminal, map_svg.c as SVG.
 */
#ifndef HAK_CLI_MAP_H
#define HAK_CLI_MAP_H

#include <stdio.h>

#include "base/text.h"
#include "heap/view.h"

#define MAP_ROWS_MOST ((size_t)64)
#define CELLS_PER_ROW SLABS_PER_SUPERSLAB

enum cell_kind {
    CELL_COLD, /* free address space */
    CELL_WARM, /* free slabs that may have pages */
    CELL_TINY,
    CELL_POOL,
    CELL_ACE,
    CELL_HUGE,
    CELL_OTHER, /* not part of the heap, or changing now */
    CELL_KINDS
};

/* One slab, or several: then the most frequent kind among them, without COLD. */
struct cell {
    uint8_t kind;       /* enum cell_kind */
    uint8_t size_class; /* for TINY, POOL and ACE; 0: several classes */
    uint8_t is_mixed;   /* there are slabs of other kinds */
    uint8_t is_first;   /* the first slab of its extent; only if the cell is one slab */
    uint32_t pages;     /* resident pages, in all `count` rows together */
    uint64_t live;      /* bytes of live blocks, resident or not, in all rows together */
};

/* One row, or neighbouring rows that look the same. */
struct map_row {
    uint64_t start;
    uint64_t count;
    struct cell cells[CELLS_PER_ROW];
};

/* Purpose: the picture. Invariant: a row stands for `count` times map_row_bytes; rows follow each
 * other without a gap, and are at most MAP_ROWS_MOST. */
struct map {
    struct map_row *rows;
    size_t count;
    unsigned shift; /* a row has 2^shift superslabs, a cell as many slabs */
};

/* map_rows.c: the map of the whole heap, or of the superslabs in [from, to). */
void map_make(const struct heap_view *view, struct map *map);
void map_make_range(const struct heap_view *view, uint64_t from, uint64_t to, struct map *map);

/* map_sums.c: bytes of address space of a row and of a cell. */
uint64_t map_row_bytes(const struct map *map);
uint64_t map_cell_bytes(const struct map *map);

/* Purpose: the sums of a cell or a row: bytes of addresses, of live blocks, and of resident
 * memory. */
struct map_sums {
    uint64_t bytes;
    uint64_t live;
    uint64_t resident;
};

struct map_sums map_cell_sums(const struct map *map, const struct map_row *row,
                              const struct cell *cell);
struct map_sums map_row_sums(const struct map *map, const struct map_row *row);
/* Rounded: 0 to 100. */
unsigned map_percent(uint64_t part, uint64_t whole);
/* "63 %"; "<1 %" if the rounded number is 0 but the part is not. */
struct short_text map_share(uint64_t part, uint64_t whole);
/* "blocks of 112 bytes, 63 % live, 100 % resident", without a newline. */
void map_describe(const struct cell *cell, const struct map_sums *sums, char *text, size_t size);

/* map_fold.c: add a row. If it looks like the last row and follows it directly, it becomes part of
 * that one. */
void map_add_row(struct map *map, const struct map_row *row);
/* Merge a row into the one before, which looks the same. */
void map_merge_row(struct map_row *last, const struct map_row *row);
/* Fold a map that has a row for each superslab until it has no more than MAP_ROWS_MOST rows. */
void map_fold(struct map *map);

/* map_svg.c */
void map_print_svg(FILE *out, const struct heap_view *view, const struct map *map);

#endif
