/* SPDX-License-Identifier: MIT */
/*
 * The pictures of a run. Charts over time are stretched to the page's width and have their numbers
 * beside them as text, so that these can be read on a phone too. Called by run_page.c.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "run_report.h"

/* The sides of a chart, in its own units. */
#define SIDE 1000.0

/* ---- Charts over time ---- */

/* Purpose: one chart while it is written. */
struct chart {
    FILE *out;
    const struct sampler *sampler;
    double end; /* seconds at the right end */
    double top; /* the value at the upper end */
};

static double x_of(const struct chart *chart, double at)
{
    return SIDE * fmin(1, at / chart->end);
}

static double y_of(const struct chart *chart, double value)
{
    return SIDE * (1 - fmax(0, fmin(1, value / chart->top)));
}

static void begin_chart(const struct chart *chart, const char *title, const char *note,
                        const char *style)
{
    fprintf(chart->out,
            "<figure><figcaption><b>%s</b> %s</figcaption>\n<div class=\"chart %s\">"
            "<svg role=\"img\" aria-label=\"%s over time\" viewBox=\"0 0 1000 1000\" "
            "preserveAspectRatio=\"none\">\n",
            title, note, style, title);
}

/* The numbers at the axes; `top` and `half` are values as text. */
static void end_chart(const struct chart *chart, const char *top, const char *half)
{
    fprintf(chart->out,
            "<path class=\"grid\" d=\"M0 0H1000M0 500H1000M0 1000H1000\"/>\n</svg>"
            "<div class=\"y\"><span>%s</span><span>%s</span><span>0</span></div>"
            "<div class=\"x\"><span>0 s</span><span>%.3g s</span><span>%.3g s</span></div></div>\n",
            top, half, chart->end / 2, chart->end);
}

static double end_of(const struct sampler *sampler)
{
    return fmax(sampler->last.at, 1e-3);
}

/* The sum of a look's terms below the one given, from the stack's foot. */
static double stacked(const struct look *look, size_t term)
{
    /* memory of others is the foot, live memory the top: what one can change lies between */
    double sum = 0;
    for (size_t i = TERM_COUNT; i-- > term;)
        sum += (double)look->terms[i];
    return sum;
}

static void print_area(const struct chart *chart, size_t term)
{
    const struct sampler *sampler = chart->sampler;
    fprintf(chart->out, "<path class=\"t%zu\" d=\"M%.1f 1000", term,
            x_of(chart, sampler->looks[0].at));
    for (size_t i = 0; i < sampler->count; i++)
        fprintf(chart->out, "L%.1f %.1f", x_of(chart, sampler->looks[i].at),
                y_of(chart, stacked(&sampler->looks[i], term)));
    fprintf(chart->out, "V1000Z\"/>\n");
}

void run_plot_terms(FILE *out, const struct sampler *sampler)
{
    struct chart chart = {out, sampler, end_of(sampler), 1};
    struct term rows[TERM_COUNT];
    stats_terms(&sampler->peak.terms, rows);
    for (size_t i = 0; i < sampler->count; i++)
        chart.top = fmax(chart.top,
                         fmax(stacked(&sampler->looks[i], 0), (double)sampler->looks[i].rss));
    begin_chart(&chart, "Resident memory", "by what holds it; the line is the RSS", "tall");
    /* each area reaches down to the foot, and the next one covers its lower part */
    for (size_t term = 0; term < TERM_COUNT; term++)
        print_area(&chart, term);
    fputs("<path class=\"line\" d=\"", out);
    for (size_t i = 0; i < sampler->count; i++)
        fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(&chart, sampler->looks[i].at),
                y_of(&chart, (double)sampler->looks[i].rss));
    fputs("\"/>\n", out);
    end_chart(&chart, text_of_size((uint64_t)chart.top).bytes,
              text_of_size((uint64_t)(chart.top / 2)).bytes);
    fputs("<ul class=\"legend\">", out);
    for (size_t term = 0; term < TERM_COUNT; term++)
        fprintf(out, "<li><i class=\"t%zu\"></i>%s</li>", term, rows[term].label);
    fputs("</ul></figure>\n", out);
}

/* The first looks are so close to each other that a rate would say little. */
#define RATE_SECONDS 0.05

/* A value of a look, or of the time since the look before. */
enum series { SERIES_FAULTS, SERIES_THREADS, SERIES_PURGED };

static double value_of(const struct sampler *sampler, size_t index, enum series series)
{
    const struct look *look = &sampler->looks[index];
    switch (series) {
    case SERIES_THREADS: return (double)look->threads;
    case SERIES_PURGED: return (double)look->purged;
    default:
        if (index == 0)
            return (double)look->minor_faults / fmax(look->at, RATE_SECONDS);
        return fmax(0, (double)look->minor_faults - (double)look[-1].minor_faults) /
               fmax(look->at - look[-1].at, RATE_SECONDS);
    }
}

static void plot_series(FILE *out, const struct sampler *sampler, enum series series,
                        const char *title, const char *note)
{
    struct chart chart = {out, sampler, end_of(sampler), 0};
    char top[32];
    char half[32];
    for (size_t i = 0; i < sampler->count; i++)
        chart.top = fmax(chart.top, value_of(sampler, i, series));
    if (chart.top == 0)
        return;
    begin_chart(&chart, title, note, "");
    fprintf(out, "<path class=\"area\" d=\"M%.1f 1000", x_of(&chart, sampler->looks[0].at));
    for (size_t i = 0; i < sampler->count; i++)
        fprintf(out, "%s%.1fV%.1f", i ? "H" : "L0 1000H", x_of(&chart, sampler->looks[i].at),
                y_of(&chart, value_of(sampler, i, series)));
    fputs("V1000Z\"/>\n", out);
    if (series == SERIES_PURGED) {
        snprintf(top, sizeof top, "%s", text_of_size((uint64_t)chart.top).bytes);
        snprintf(half, sizeof half, "%s", text_of_size((uint64_t)(chart.top / 2)).bytes);
    } else {
        snprintf(top, sizeof top, "%.0f", chart.top);
        snprintf(half, sizeof half, "%.*f", chart.top < 10 && fmod(chart.top, 2) ? 1 : 0,
                 chart.top / 2);
    }
    end_chart(&chart, top, half);
    fputs("</figure>\n", out);
}

void run_plot_kernel(FILE *out, const struct sampler *sampler)
{
    fputs("<div class=\"plots\">\n", out);
    plot_series(out, sampler, SERIES_FAULTS, "Page faults", "a second, without input or output");
    plot_series(out, sampler, SERIES_THREADS, "Threads", "of the process");
    plot_series(out, sampler, SERIES_PURGED, "Given back", "to the kernel since the start");
    fputs("</div>\n", out);
}

/* ---- Size classes ---- */

#define CLASS_WIDTH 360
#define CLASS_LEFT 62
#define CLASS_RIGHT 290
#define CLASS_ROW 22
#define CLASSES_MOST 14

uint64_t run_resident(const struct class_terms *figures)
{
    uint64_t sum = 0;
    for (unsigned state = 0; state <= BLOCK_IN_DEPOT; state++)
        sum += figures->resident[state];
    return sum;
}

static int compare_classes(const void *a, const void *b)
{
    uint64_t left = run_resident(*(const struct class_terms *const *)a);
    uint64_t right = run_resident(*(const struct class_terms *const *)b);
    return (left < right) - (left > right);
}

size_t run_order_classes(const struct heap_terms *terms,
                         const struct class_terms *order[CLASS_ACE_LAST + 2])
{
    size_t count = 0;
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        if (terms->classes[c].extents > 0)
            order[count++] = &terms->classes[c];
    if (terms->lanes[HAK_LANE_HUGE].extents > 0)
        order[count++] = &terms->lanes[HAK_LANE_HUGE];
    qsort(order, count, sizeof order[0], compare_classes);
    return count;
}

struct short_text run_class_name(const struct class_terms *figures)
{
    struct short_text text = {"Huge"};
    if (figures->size)
        snprintf(text.bytes, sizeof text.bytes, "%" PRIu32, figures->size);
    return text;
}

/* One part of a bar; returns where the next begins. */
static double print_part(FILE *out, double x, int y, double width, unsigned term)
{
    if (width >= 0.05)
        fprintf(out, "<rect class=\"t%u\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"14\"/>", term,
                x, y + 4, width);
    return x + width;
}

static void print_class(FILE *out, const struct class_terms *figures, int y, double scale)
{
    const double parts[] = {
        (double)figures->resident[BLOCK_LIVE], (double)figures->resident[BLOCK_IN_THREAD],
        (double)figures->resident[BLOCK_IN_DEPOT], (double)figures->resident[BLOCK_FREE]};
    double x = CLASS_LEFT;
    fprintf(out, "<text class=\"end\" x=\"%d\" y=\"%d\">%s</text>", CLASS_LEFT - 8, y + 15,
            run_class_name(figures).bytes);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        x = print_part(out, x, y, parts[i] * scale, i);
    fprintf(out, "<text class=\"end\" x=\"%d\" y=\"%d\">%s</text>\n", CLASS_WIDTH, y + 15,
            text_of_size(run_resident(figures)).bytes);
}

void run_plot_classes(FILE *out, const struct sampler *sampler)
{
    const struct class_terms *order[CLASS_ACE_LAST + 2];
    size_t count = run_order_classes(&sampler->peak.terms, order);
    if (count == 0 || run_resident(order[0]) == 0)
        return;
    double scale = (CLASS_RIGHT - CLASS_LEFT) / (double)run_resident(order[0]);
    if (count > CLASSES_MOST)
        count = CLASSES_MOST;
    fprintf(out,
            "<figure><figcaption><b>Size classes</b> with most resident bytes; the block size "
            "in bytes at the left</figcaption><svg class=\"narrow\" role=\"img\" aria-label=\"Size "
            "classes\" viewBox=\"0 0 %d %zu\">\n",
            CLASS_WIDTH, count * CLASS_ROW + 4);
    for (size_t i = 0; i < count; i++)
        print_class(out, order[i], (int)i * CLASS_ROW, scale);
    fputs("</svg>\n<ul class=\"legend\"><li><i class=\"t0\"></i>live</li><li><i class=\"t1\"></i>"
          "cached in threads</li><li><i class=\"t2\"></i>in depots</li><li><i class=\"t3\"></i>"
          "free</li></ul></figure>\n",
          out);
}

/* ---- The map ---- */

/* A tile is a row of the map, 8 by 4 cells. */
#define TILE_COLUMNS 8
#define TILE_CELL 9

static const char *const cell_classes[CELL_KINDS] = {
    [CELL_TINY] = "m0", [CELL_POOL] = "m1", [CELL_ACE] = "m2",
    [CELL_HUGE] = "m3", [CELL_WARM] = "m4", [CELL_OTHER] = "m5",
};

static void print_cell(FILE *out, const struct cell *cell, int x, int y)
{
    char text[96];
    const int side = TILE_CELL - 1;
    bool is_whole = cell->kind == CELL_WARM || cell->kind == CELL_OTHER;
    int height = is_whole ? side : (cell->live * side + 99) / 100;
    if (cell->kind == CELL_COLD)
        return;
    map_describe(cell, text, sizeof text);
    fprintf(out,
            "<g%s><title>%s</title><rect class=\"m6\" x=\"%d\" y=\"%d\" width=\"%d\" "
            "height=\"%d\"/><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/></g>",
            cell->resident < 50 ? " opacity=\"0.4\"" : "", text, x, y, side, side,
            cell_classes[cell->kind], x, y + side - height, side, height);
}

static void print_tile(FILE *out, const struct map_row *row)
{
    const int rows = (int)SLABS_PER_SUPERSLAB / TILE_COLUMNS;
    fprintf(out,
            "<figure class=\"tile\"><svg role=\"img\" aria-label=\"addresses from %012" PRIx64
            "\" viewBox=\"0 0 %d %d\"><rect class=\"back\" width=\"%d\" height=\"%d\"/>",
            row->start, TILE_COLUMNS * TILE_CELL + 1, rows * TILE_CELL + 1,
            TILE_COLUMNS * TILE_CELL + 1, rows * TILE_CELL + 1);
    for (int i = 0; i < (int)SLABS_PER_SUPERSLAB; i++)
        print_cell(out, &row->cells[i], 1 + i % TILE_COLUMNS * TILE_CELL,
                   1 + i / TILE_COLUMNS * TILE_CELL);
    fputs("</svg>", out);
    if (row->count > 1)
        fprintf(out, "<figcaption>%" PRIu64 " like this</figcaption>", row->count);
    fputs("</figure>\n", out);
}

/* Is there anything in the row? */
static bool is_used(const struct map_row *row)
{
    for (size_t i = 0; i < SLABS_PER_SUPERSLAB; i++)
        if (row->cells[i].kind != CELL_COLD)
            return true;
    return false;
}

void run_plot_map(FILE *out, const struct sampler *sampler)
{
    const struct map *map = &sampler->peak.map;
    fprintf(out,
            "<p class=\"note\">A tile is %s of addresses, a cell in it %s, filled as far as it is "
            "live; pale where less than half of it is resident.%s</p>\n<div class=\"tiles\">\n",
            text_of_size(map_row_bytes(map)).bytes, text_of_size(map_cell_bytes(map)).bytes,
            map->shift ? " Its colour is what most of it holds." : "");
    for (size_t i = 0; i < map->count; i++)
        if (is_used(&map->rows[i]))
            print_tile(out, &map->rows[i]);
    fputs("</div>\n<ul class=\"legend\"><li><i class=\"m0\"></i>Tiny</li><li><i class=\"m1\"></i>"
          "Pool</li><li><i class=\"m2\"></i>ACE</li><li><i class=\"m3\"></i>Huge</li><li>"
          "<i class=\"m4\"></i>free, kept ready</li><li><i class=\"m6\"></i>not live</li><li>"
          "<i class=\"m5\"></i>not the heap's</li></ul>\n",
          out);
}
