/* SPDX-License-Identifier: MIT */
/*
 * The map as SVG: a cell's color is its lane, its filled height the live share, the bar below it
 * the resident share. One file that loads nothing, light and dark; it fits a phone, and is wider if
 * there is room.
 */
#include <inttypes.h>

#include "base/html.h"
#include "base/text.h"
#include "heap/choose.h"
#include "look/map.h"

#define LEFT 12
#define STEP 11 /* from a cell to the next */
#define CELL 10
#define HEIGHT 18 /* of a cell */
#define BAR 3
#define LABEL 14
#define ROW (LABEL + HEIGHT + BAR + 11)
#define LEGEND 68
#define TOP (LEGEND + 108)
#define ROW_WIDTH ((int)CELLS_PER_ROW * STEP - 1)
#define WIDTH (LEFT + ROW_WIDTH + LEFT)

/* If there is room, the map is larger by this factor. */
#define WIDE_SCALE 1.7

static const char style[] =
    "svg { font: 12px system-ui, sans-serif; background: #fff;\n"
    "  font-variant-numeric: tabular-nums; }\n"
    "text { fill: #222; } .dim { fill: #666; } .end { text-anchor: end; }\n"
    ".cell { fill: #e8e8e8; } .res { fill: #c0392b; } .warm { fill: #bbb; } .other { fill: #444; "
    "}\n"
    ".tiny { fill: #2a9d55; } .pool { fill: #2b6cb0; } .ace { fill: #8e44ad; }\n"
    ".huge { fill: #c77f00; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "svg { background: #181818; } text { fill: #ddd; } .dim { fill: #999; }\n"
    ".cell { fill: #333; } .warm { fill: #777; } .other { fill: #aaa; } }\n";

static const char *const classes[CELL_KINDS] = {
    [CELL_COLD] = "cell", [CELL_WARM] = "warm", [CELL_TINY] = "tiny",   [CELL_POOL] = "pool",
    [CELL_ACE] = "ace",   [CELL_HUGE] = "huge", [CELL_OTHER] = "other",
};

static void print_rect(FILE *out, const char *class, int x, int y, int width, int height)
{
    fprintf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", class, x, y,
            width, height);
}

/* The part in pixels, if the whole has `length`; at least 1 unless the part is 0. */
static int share_of(int length, uint64_t part, uint64_t whole)
{
    int pixels = (length * (int)map_percent(part, whole) + 50) / 100;
    return pixels == 0 && part > 0 ? 1 : pixels;
}

/* Free memory without pages is the background of the row. */
static void print_cell(FILE *out, const struct cell *cell, const struct map_sums *sums,
                       bool is_folded, int x, int y)
{
    char text[96];
    bool is_whole = cell->kind == CELL_WARM || cell->kind == CELL_OTHER;
    int height = is_whole ? HEIGHT : share_of(HEIGHT, sums->live, sums->bytes);
    if (cell->kind == CELL_COLD && sums->resident == 0)
        return;
    map_describe(cell, sums, text, sizeof text);
    fputs("<g><title>", out);
    html_text(out, text);
    fputs("</title>", out);
    print_rect(out, "cell", x, y, CELL, HEIGHT);
    if (height > 0 && cell->kind != CELL_COLD)
        print_rect(out, classes[cell->kind], x, y + HEIGHT - height, CELL, height);
    /* a line above it, which joins that of the cell before if the extent continues */
    int gap = is_folded || cell->is_first || x == LEFT ? 0 : STEP - CELL;
    if (cell->kind >= CELL_TINY && cell->kind <= CELL_HUGE)
        print_rect(out, classes[cell->kind], x - gap, y, CELL + gap, 2);
    if (sums->resident > 0)
        print_rect(out, "res", x, y + HEIGHT + 1, share_of(CELL, sums->resident, sums->bytes), BAR);
    fputs("</g>\n", out);
}

static void print_row(FILE *out, const struct map *map, const struct map_row *row, int y)
{
    struct map_sums sums = map_row_sums(map, row);
    fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%d\">%012" PRIx64, LEFT, y + LABEL - 4,
            row->start);
    if (row->count > 1)
        fprintf(out, " &#215; %" PRIu64, row->count);
    fprintf(out, "</text><text class=\"dim end\" x=\"%d\" y=\"%d\">", LEFT + ROW_WIDTH,
            y + LABEL - 4);
    html_text(out, map_share(sums.live, sums.bytes).bytes);
    fputs(" live, ", out);
    html_text(out, map_share(sums.resident, sums.bytes).bytes);
    fputs(" resident</text>\n", out);
    print_rect(out, "cell", LEFT, y + LABEL, ROW_WIDTH, HEIGHT);
    for (int i = 0; i < (int)CELLS_PER_ROW; i++) {
        const struct cell *cell = &row->cells[i];
        struct map_sums part = map_cell_sums(map, row, cell);
        print_cell(out, cell, &part, map->shift > 0, LEFT + i * STEP, y + LABEL);
    }
}

/* The text below the squares, about the lines and about rows that look the same. */
static void print_notes(FILE *out, bool is_folded)
{
    const char *const notes[] = {
        is_folded ? "in use, in its lane's colour, even if little is live"
                  : "in use, even if little is live; joined: a block or run",
        "live: in blocks, which count whole, resident or not",
        "\303\227 3: three rows that look like this",
    };
    print_rect(out, "tiny", LEFT, LEGEND + 59, 12, 2);
    for (int i = 0; i < 3; i++)
        fprintf(out, "<text%s x=\"%d\" y=\"%d\">%s</text>\n", i ? " class=\"dim\"" : "",
                i ? LEFT : LEFT + 17, LEGEND + 65 + 15 * i, notes[i]);
}

static void print_legend(FILE *out)
{
    static const char *const rows[][2] = {{"tiny", "Tiny"},
                                          {"pool", "Pool"},
                                          {"ace", "ACE"},
                                          {"huge", "Huge"},
                                          {"warm", "free, kept ready"},
                                          {"cell", "free"},
                                          {"res", "resident"},
                                          {"other", "not the heap's"}};
    static const int columns[] = {0, 90, 226};
    for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); i++) {
        int x = LEFT + columns[i % 3];
        int y = LEGEND + i / 3 * 18;
        bool is_bar = rows[i][0][0] == 'r';
        print_rect(out, rows[i][0], x, is_bar ? y + 4 : y, 12, is_bar ? 4 : 12);
        fprintf(out, "<text x=\"%d\" y=\"%d\">%s</text>\n", x + 17, y + 11, rows[i][1]);
    }
}

static void print_head(FILE *out, int height)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\">\n<style>\n%s@media (min-width: 700px) { svg { width: %.0fpx; "
            "height: %.0fpx; } }\n</style>\n",
            WIDTH, height, WIDTH, height, style, WIDTH * WIDE_SCALE, height * WIDE_SCALE);
}

void map_print_svg(FILE *out, const struct heap_view *view, const struct map *map)
{
    bool is_folded = map->shift > 0;
    print_head(out, TOP + (int)map->count * ROW + 4);
    fprintf(out, "<text x=\"%d\" y=\"24\" font-size=\"15\">The heap of ", LEFT);
    html_text(out, choice_title(view->target));
    fprintf(out,
            "</text>\n<text class=\"dim\" x=\"%d\" y=\"42\">A row is %s%s, a cell %s%s,</text>\n"
            "<text class=\"dim\" x=\"%d\" y=\"57\">the filled part of a cell is live%s.</text>\n",
            LEFT, is_folded ? "" : "a superslab of ", text_of_size(map_row_bytes(map)).bytes,
            is_folded ? "" : "a slab of ", text_of_size(map_cell_bytes(map)).bytes, LEFT,
            is_folded ? "; its colour shows the main use" : "");
    print_legend(out);
    print_notes(out, is_folded);
    for (size_t i = 0; i < map->count; i++)
        print_row(out, map, &map->rows[i], TOP + (int)i * ROW);
    fputs("</svg>\n", out);
}
