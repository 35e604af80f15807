/* SPDX-License-Identifier: MIT */
/*
 * The charts of a run. Those over time are stretched to the width of the page; their numbers are
 * beside them as text, so that they can be read on a phone too.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/html.h"
#include "run/chart.h"
#include "run/run_report.h"

/* ---- Charts over time ---- */

/* The sum of the given term of a look and of the terms below it in the stack. */
static double stacked(const struct look *look, size_t term)
{
    /* memory of others is at the bottom, live memory at the top; what can be changed lies
     * between */
    double sum = 0;
    for (size_t i = TERM_COUNT; i-- > term;)
        sum += (double)look->terms[i];
    return sum;
}

/* The number of looks to draw: those that are kept, and the last one, which may not be kept. */
static size_t count_of(const struct sampler *sampler)
{
    return sampler->count + (sampler->last.at > sampler->looks[sampler->count - 1].at);
}

static const struct look *look_of(const struct sampler *sampler, size_t index)
{
    return index < sampler->count ? &sampler->looks[index] : &sampler->last;
}

static void print_area(const struct chart *chart, const struct sampler *sampler, size_t term)
{
    fprintf(chart->out, "<path class=\"t%zu\" d=\"M%.1f 1000", term,
            chart_x(chart, sampler->looks[0].at));
    for (size_t i = 0; i < count_of(sampler); i++)
        fprintf(chart->out, "L%.1f %.1f", chart_x(chart, look_of(sampler, i)->at),
                chart_y(chart, stacked(look_of(sampler, i), term)));
    fprintf(chart->out, "V1000Z\"/>\n");
}

void run_plot_terms(FILE *out, const struct sampler *sampler)
{
    double top = 1;
    struct term rows[TERM_COUNT];
    stats_terms(&sampler->peak.terms, rows);
    for (size_t i = 0; i < count_of(sampler); i++)
        top = fmax(top, fmax(stacked(look_of(sampler, i), 0), (double)look_of(sampler, i)->rss));
    const struct chart chart = chart_new(out, sampler->last.at, top, true);
    chart_begin(&chart, "Resident memory", "by what holds it; the line is the RSS", "tall");
    /* each area reaches down to the bottom, and the next one covers its lower part */
    for (size_t term = 0; term < TERM_COUNT; term++)
        print_area(&chart, sampler, term);
    fputs("<path class=\"line\" d=\"", out);
    for (size_t i = 0; i < count_of(sampler); i++)
        fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', chart_x(&chart, look_of(sampler, i)->at),
                chart_y(&chart, (double)look_of(sampler, i)->rss));
    fputs("\"/>\n", out);
    chart_end(&chart);
    fputs("<ul class=\"legend\">", out);
    for (size_t term = 0; term < TERM_COUNT; term++)
        fprintf(out, "<li><i class=\"t%zu\"></i>%s</li>", term, rows[term].label);
    fputs("</ul></figure>\n", out);
}

/* A rate is over at least this time: the first looks are so close to each other that their rate
 * would say little. */
#define RATE_SECONDS 0.05

/* The last level continues after the last look for this share of the time. */
#define LAST_STEP 0.02

/* What a chart shows: a value at each look, or a rate since the look before. */
enum series { SERIES_FAULTS, SERIES_THREADS, SERIES_PURGED };

static double value_of(const struct sampler *sampler, size_t index, enum series series)
{
    const struct look *look = look_of(sampler, index);
    const struct look *before = index > 0 ? look_of(sampler, index - 1) : NULL;
    switch (series) {
    case SERIES_THREADS: return (double)look->threads;
    case SERIES_PURGED: return (double)look->purged;
    default:
        if (!before)
            return (double)look->minor_faults / fmax(look->at, RATE_SECONDS);
        return fmax(0, (double)look->minor_faults - (double)before->minor_faults) /
               fmax(look->at - before->at, RATE_SECONDS);
    }
}

/* A level lasts from its look to the next one, the last one to the end of the chart; a rate belongs
 * to the time before its look. */
static void print_steps(const struct chart *chart, const struct sampler *sampler,
                        enum series series)
{
    const size_t count = count_of(sampler);
    const bool is_rate = series == SERIES_FAULTS;
    fprintf(chart->out, "<path class=\"area\" d=\"M%.1f 1000",
            is_rate ? 0 : chart_x(chart, look_of(sampler, 0)->at));
    for (size_t i = 0; i < count; i++) {
        size_t until = is_rate ? i : i + 1;
        fprintf(chart->out, "V%.1fH%.1f", chart_y(chart, value_of(sampler, i, series)),
                until < count ? chart_x(chart, look_of(sampler, until)->at) : CHART_SIDE);
    }
    fputs("V1000Z\"/>\n", chart->out);
}

static void plot_series(FILE *out, const struct sampler *sampler, enum series series,
                        const char *title, const char *note)
{
    double top = 0;
    for (size_t i = 0; i < count_of(sampler); i++)
        top = fmax(top, value_of(sampler, i, series));
    if (top == 0)
        return;
    struct chart chart = chart_new(out, sampler->last.at, top, series == SERIES_PURGED);
    chart.end *= 1 + LAST_STEP;
    chart_begin(&chart, title, note, "");
    print_steps(&chart, sampler, series);
    chart_end(&chart);
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

#define CLASSES_MOST 14

uint64_t run_resident(const struct row_figures *figures)
{
    uint64_t sum = 0;
    for (unsigned state = 0; state < BLOCK_STATES; state++)
        sum += figures->bytes[state];
    return sum;
}

static int compare_classes(const void *a, const void *b)
{
    uint64_t left = run_resident(*(const struct row_figures *const *)a);
    uint64_t right = run_resident(*(const struct row_figures *const *)b);
    return (left < right) - (left > right);
}

size_t run_order_classes(const struct heap_terms *terms,
                         const struct row_figures *order[CLASS_ACE_LAST + 2])
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

struct short_text run_class_name(const struct row_figures *figures)
{
    struct short_text text = {"Huge"};
    if (figures->size)
        snprintf(text.bytes, sizeof text.bytes, "%" PRIu32, figures->size);
    return text;
}

/* Draw the parts of a bar, CHART_SIDE long, from left to right, in the colors of terms. */
void run_print_bar(FILE *out, const struct bar_part *parts, size_t count)
{
    double x = 0;
    fputs("<svg viewBox=\"0 0 1000 1\" preserveAspectRatio=\"none\">", out);
    for (size_t i = 0; i < count; i++) {
        double width = parts[i].share * CHART_SIDE;
        if (width >= 0.5)
            fprintf(out, "<rect class=\"t%u\" x=\"%.1f\" width=\"%.1f\" height=\"1\"/>",
                    parts[i].term, x, width);
        x += width;
    }
    fputs("</svg>", out);
}

static void print_class(FILE *out, const struct row_figures *figures, double most)
{
    const struct bar_part parts[] = {
        {0, (double)figures->bytes[BLOCK_LIVE] / most},
        {1, (double)figures->bytes[BLOCK_IN_THREAD] / most},
        {2, (double)figures->bytes[BLOCK_IN_DEPOT] / most},
        {3, (double)figures->bytes[BLOCK_FREE] / most},
    };
    fprintf(out, "<span>%s</span>", run_class_name(figures).bytes);
    run_print_bar(out, parts, sizeof parts / sizeof parts[0]);
    fprintf(out, "<span>%s</span>\n", text_of_size(run_resident(figures)).bytes);
}

void run_plot_classes(FILE *out, const struct sampler *sampler)
{
    const struct row_figures *order[CLASS_ACE_LAST + 2];
    size_t count = run_order_classes(&sampler->peak.terms, order);
    if (count == 0 || run_resident(order[0]) == 0)
        return;
    if (count > CLASSES_MOST)
        count = CLASSES_MOST;
    fputs("<figure><figcaption><b>Size classes</b> with most resident bytes; the block size in "
          "bytes at the left</figcaption><div class=\"bars\" role=\"img\" "
          "aria-label=\"Size classes\">\n",
          out);
    for (size_t i = 0; i < count; i++)
        print_class(out, order[i], (double)run_resident(order[0]));
    fputs("</div>\n<ul class=\"legend\"><li><i class=\"t0\"></i>live</li><li><i class=\"t1\"></i>"
          "cached in threads</li><li><i class=\"t2\"></i>in depots</li><li><i class=\"t3\"></i>"
          "free</li></ul></figure>\n",
          out);
}

/* ---- The map ---- */

/* A tile shows a row of the map, 8 by 4 cells. */
#define TILE_COLUMNS 8
#define TILE_CELL 9
#define CELL_SIDE (TILE_CELL - 1)
#define HOLLOW_STROKE 1.6

static const char *const cell_classes[CELL_KINDS] = {
    [CELL_TINY] = "m0", [CELL_POOL] = "m1", [CELL_ACE] = "m2",
    [CELL_HUGE] = "m3", [CELL_WARM] = "m4", [CELL_OTHER] = "m5",
};

/* Purpose: the look of a cell. */
struct cell_look {
    int height;     /* of the filled part, of CELL_SIDE */
    bool is_hollow; /* less than half of it is resident */
};

static struct cell_look look_of_cell(const struct map *map, const struct map_row *row,
                                     const struct cell *cell)
{
    const struct map_sums sums = map_cell_sums(map, row, cell);
    bool is_whole = cell->kind == CELL_WARM || cell->kind == CELL_OTHER;
    int height = ((int)map_percent(sums.live, sums.bytes) * CELL_SIDE + 99) / 100;
    /* a cell that is not empty must be visible */
    if (height < 2 && sums.live > 0)
        height = 2;
    if (is_whole)
        height = CELL_SIDE;
    return (struct cell_look){height, height > 0 && 2 * sums.resident < sums.bytes};
}

/* Do the two rows make the same tile? */
static bool is_same_tile(const struct map *map, const struct map_row *a, const struct map_row *b)
{
    for (size_t i = 0; i < SLABS_PER_SUPERSLAB; i++) {
        struct cell_look left = look_of_cell(map, a, &a->cells[i]);
        struct cell_look right = look_of_cell(map, b, &b->cells[i]);
        if (a->cells[i].kind != b->cells[i].kind || left.height != right.height ||
            left.is_hollow != right.is_hollow)
            return false;
    }
    return true;
}

static void print_cell(FILE *out, const struct map *map, const struct map_row *row, size_t index)
{
    char text[96];
    const struct cell *cell = &row->cells[index];
    const struct map_sums sums = map_cell_sums(map, row, cell);
    const struct cell_look look = look_of_cell(map, row, cell);
    const int x = 1 + (int)index % TILE_COLUMNS * TILE_CELL;
    const int y = 1 + (int)index / TILE_COLUMNS * TILE_CELL;
    /* the middle of a stroke lies on the edge of the rectangle */
    const double inset = look.is_hollow ? HOLLOW_STROKE / 2 : 0;
    if (cell->kind == CELL_COLD)
        return;
    map_describe(cell, &sums, text, sizeof text);
    fputs("<g><title>", out);
    html_text(out, text);
    fprintf(out,
            "</title><rect class=\"m6\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>"
            "<rect class=\"%s%s\" x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"/></g>",
            x, y, CELL_SIDE, CELL_SIDE, cell_classes[cell->kind], look.is_hollow ? " hollow" : "",
            x + inset, y + CELL_SIDE - look.height + inset, CELL_SIDE - 2 * inset,
            look.height - 2 * inset);
}

static void print_tile(FILE *out, const struct map *map, const struct map_row *row)
{
    const int rows = (int)SLABS_PER_SUPERSLAB / TILE_COLUMNS;
    fprintf(out,
            "<figure class=\"tile%s\"><svg role=\"img\" aria-label=\"addresses from %012" PRIx64
            "\" viewBox=\"0 0 %d %d\"><rect class=\"back\" width=\"%d\" height=\"%d\"/>",
            row->count > 1 ? " many" : "", row->start, TILE_COLUMNS * TILE_CELL + 1,
            rows * TILE_CELL + 1, TILE_COLUMNS * TILE_CELL + 1, rows * TILE_CELL + 1);
    for (size_t i = 0; i < SLABS_PER_SUPERSLAB; i++)
        print_cell(out, map, row, i);
    fprintf(out, "</svg><figcaption>%012" PRIx64, row->start);
    if (row->count > 1)
        fprintf(out, "<br><b>%" PRIu64 " like this</b>", row->count);
    fputs("</figcaption></figure>\n", out);
}

/* Is anything in the row? */
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
            "<p class=\"note\">A tile is %s of addresses, a cell in it %s. The filled part of a "
            "cell is live; blocks count whole, resident or not. A cell is hollow if less than half "
            "of it is resident. Below a tile is its first address.%s</p>\n<div class=\"tiles\">\n",
            text_of_size(map_row_bytes(map)).bytes, text_of_size(map_cell_bytes(map)).bytes,
            map->shift ? " The colour of a cell shows its main use." : "");
    for (size_t i = 0; i < map->count;) {
        struct map_row row = map->rows[i];
        while (++i < map->count && is_same_tile(map, &row, &map->rows[i]))
            map_merge_row(&row, &map->rows[i]);
        if (is_used(&row))
            print_tile(out, map, &row);
    }
    fputs("</div>\n<ul class=\"legend\"><li><i class=\"m0\"></i>Tiny</li><li><i class=\"m1\"></i>"
          "Pool</li><li><i class=\"m2\"></i>ACE</li><li><i class=\"m3\"></i>Huge</li><li>"
          "<i class=\"m4\"></i>free, kept ready</li><li><i class=\"m6\"></i>not live</li><li>"
          "<i class=\"m5\"></i>not the heap's</li><li><i class=\"m3 hollow\"></i>less than half "
          "resident</li></ul>\n",
          out);
}
