/* SPDX-License-Identifier: MIT */
/*
 * The map as SVG: a cell's colour is its lane, its filled height the share that is live, the bar
 * below it the share that is resident. One file, nothing loaded from elsewhere, light and dark.
 * Called by map.c.
 */
#include <inttypes.h>

#include "choose.h"
#include "cli.h"
#include "map.h"

#define CELL 22
#define BAR 4
#define ROW (CELL + BAR + 6)
#define LEFT 130
#define TOP 96
#define WIDTH (LEFT + (int)SLABS_PER_SUPERSLAB * (CELL + 2) + 80)

static const char *const style =
    "<style>\n"
    "svg { font: 12px system-ui, sans-serif; background: #fff; }\n"
    "text { fill: #222; } .dim { fill: #666; } .cell { fill: #e8e8e8; }\n"
    ".tiny { fill: #2a9d55; } .pool { fill: #2b6cb0; } .ace { fill: #8e44ad; }\n"
    ".huge { fill: #c77f00; } .warm { fill: #bbb; } .other { fill: #444; } .res { fill: #c0392b; "
    "}\n"
    "@media (prefers-color-scheme: dark) {\n"
    "svg { background: #181818; } text { fill: #ddd; } .dim { fill: #999; }\n"
    ".cell { fill: #333; } .warm { fill: #666; } }\n"
    "</style>\n";

static const char *class_of(const struct cell *cell)
{
    switch (cell->kind) {
    case EXTENT_BLOCKS: return cell->size_class <= CLASS_TINY_LAST ? "tiny" : "pool";
    case EXTENT_SPAN: return "ace";
    case EXTENT_HUGE: return "huge";
    case EXTENT_WARM: return "warm";
    case EXTENT_OTHER: return "other";
    default: return "cell";
    }
}

static void print_cell(FILE *out, const struct cell *cell, int x, int y)
{
    char text[96];
    map_describe(cell, text, sizeof text);
    bool is_whole = cell->kind == EXTENT_WARM || cell->kind == EXTENT_OTHER;
    int height = is_whole ? CELL : cell->live * CELL / 100;
    fprintf(out,
            "<g><title>%s</title><rect class=\"cell\" x=\"%d\" y=\"%d\" width=\"%d\" "
            "height=\"%d\"/>",
            text, x, y, CELL, CELL);
    if (height > 0)
        fprintf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
                class_of(cell), x, y + CELL - height, CELL, height);
    if (cell->kind == EXTENT_BLOCKS || cell->kind == EXTENT_SPAN || cell->kind == EXTENT_HUGE)
        fprintf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"2\"/>",
                class_of(cell), x, y, cell->is_first ? CELL : CELL + 2);
    if (cell->resident > 0)
        fprintf(out, "<rect class=\"res\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", x,
                y + CELL + 1, (cell->resident * CELL + 99) / 100, BAR);
    fputs("</g>\n", out);
}

static void print_legend(FILE *out)
{
    static const char *const rows[][2] = {
        {"tiny", "Tiny"},           {"pool", "Pool"},       {"ace", "ACE"},
        {"huge", "Huge"},           {"warm", "kept ready"}, {"cell", "free"},
        {"other", "not the heap's"}};
    int x = 16;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++, x += i == 7 ? 130 : 96)
        fprintf(out,
                "<rect class=\"%s\" x=\"%d\" y=\"58\" width=\"12\" height=\"12\"/>"
                "<text x=\"%d\" y=\"69\">%s</text>\n",
                rows[i][0], x, x + 17, rows[i][1]);
    fprintf(out,
            "<rect class=\"res\" x=\"%d\" y=\"62\" width=\"12\" height=\"4\"/>"
            "<text x=\"%d\" y=\"69\">resident</text>\n",
            x, x + 17);
}

void map_print_svg(FILE *out, const struct heap_view *view, const struct map *map)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" width=\"%d\">\n%s",
            WIDTH, TOP + map->count * ROW + 16, WIDTH, style);
    /* the program's name has had what is special in markup, but for these, made '?' */
    fprintf(out, "<text x=\"16\" y=\"24\" font-size=\"16\">The heap of ");
    for (const char *byte = choice_title(view->target); *byte; byte++)
        fputc(*byte == '<' || *byte == '&' ? '?' : *byte, out);
    fprintf(
        out,
        "</text>\n<text class=\"dim\" x=\"16\" y=\"44\">A row is a superslab of 2 MiB, a cell a "
        "slab of 64 KiB, filled as far as it is live.</text>\n");
    print_legend(out);
    for (size_t i = 0; i < map->count; i++) {
        const struct map_row *row = &map->rows[i];
        int y = TOP + (int)i * ROW;
        fprintf(out, "<text class=\"dim\" x=\"16\" y=\"%d\">%012" PRIx64 "</text>\n", y + 16,
                row->start);
        for (int number = 0; number < (int)SLABS_PER_SUPERSLAB; number++)
            print_cell(out, &row->cells[number], LEFT + number * (CELL + 2), y);
        if (row->count > 1)
            fprintf(out, "<text x=\"%d\" y=\"%d\">&#215; %" PRIu64 "</text>\n",
                    LEFT + (int)SLABS_PER_SUPERSLAB * (CELL + 2) + 8, y + 16, row->count);
    }
    fputs("</svg>\n", out);
}
