/* SPDX-License-Identifier: MIT */
/*
 * A heap as a picture: a row for each superslab, a cell for each slab. map.c makes the rows and
 * draws them in the terminal, map_svg.c as SVG.
 */
#ifndef HAK_CLI_MAP_H
#define HAK_CLI_MAP_H

#include <stdio.h>

#include "heap_view.h"

/* One slab. Shares are 0 to 100. */
struct cell {
    uint8_t kind;       /* enum extent_kind */
    uint8_t size_class; /* BLOCKS, SPAN */
    uint8_t is_first;   /* of its extent */
    uint8_t live;       /* of its bytes, those in live blocks */
    uint8_t resident;   /* of its pages */
};

/* Superslabs that look the same and follow each other are one row. */
struct map_row {
    uint64_t start;
    uint64_t count;
    struct cell cells[SLABS_PER_SUPERSLAB];
};

struct map {
    struct map_row *rows;
    size_t count;
};

void map_make(const struct heap_view *view, struct map *map);
/* "112-byte blocks, 63 % live, resident", without a newline. */
void map_describe(const struct cell *cell, char *text, size_t size);
void map_print_svg(FILE *out, const struct heap_view *view, const struct map *map);

#endif
