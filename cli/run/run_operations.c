/* SPDX-License-Identifier: MIT */
/*
 * The section on operations by size class: the blocks that moved between thread caches and lanes,
 * which are always known, and the exact numbers of calls if they were counted.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "run/run_report.h"

#define BARS_MOST 14
#define ROWS_MOST 24

/* Purpose: one size class, or the Huge lane. */
struct row {
    unsigned size_class;
    uint64_t first;  /* the upper bar: blocks refilled, or calls that returned one */
    uint64_t second; /* the lower bar: blocks flushed, or calls of free */
};

struct rows {
    const struct run_report *report;
    struct row row[CLASS_HUGE];
    size_t count;
};

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    uint64_t most_left = left->first > left->second ? left->first : left->second;
    uint64_t most_right = right->first > right->second ? right->first : right->second;
    return (most_left < most_right) - (most_left > most_right);
}

/* Collect the classes in which anything happened, the busiest first. */
static void collect(const struct run_report *report, struct rows *rows)
{
    const struct run_calls *calls = report->calls;
    rows->report = report;
    rows->count = 0;
    for (unsigned c = CLASS_FIRST; c <= CLASS_HUGE; c++) {
        const struct traffic *traffic = &report->sampler->traffic[c];
        struct row row = {c, traffic->refilled, traffic->flushed};
        if (calls->is_counted)
            row = (struct row){c, run_calls_new(calls, c), calls->by_class[c][OPERATION_FREE]};
        if (row.first || row.second || traffic->refilled || calls->by_class[c][OPERATION_REALLOC])
            rows->row[rows->count++] = row;
    }
    qsort(rows->row, rows->count, sizeof rows->row[0], compare_rows);
}

/* "9999", "12.3 k", "45.6 M". */
static struct short_text text_of_count(uint64_t number)
{
    static const char units[] = "kMGTPE";
    struct short_text text;
    if (number < 10000) {
        snprintf(text.bytes, sizeof text.bytes, "%" PRIu64, number);
        return text;
    }
    unsigned step = 0;
    double value = (double)number / 1000;
    for (; value >= 999.95; step++)
        value /= 1000;
    snprintf(text.bytes, sizeof text.bytes, "%.1f %c", value, units[step]);
    return text;
}

static struct short_text name_of(unsigned size_class)
{
    return run_class_name(&(struct row_figures){.size = size_classes[size_class].size});
}

/* ---- The picture ---- */

static void print_bars(FILE *out, const struct row *row, double most)
{
    const struct bar_part first = {0, (double)row->first / most};
    const struct bar_part second = {4, (double)row->second / most};
    fprintf(out, "<span>%s</span><div class=\"pair\">", name_of(row->size_class).bytes);
    run_print_bar(out, &first, 1);
    run_print_bar(out, &second, 1);
    fprintf(out, "</div><span>%s</span>\n", text_of_count(row->first).bytes);
}

static void plot(FILE *out, const struct rows *rows)
{
    bool is_counted = rows->report->calls->is_counted;
    size_t count = rows->count < BARS_MOST ? rows->count : BARS_MOST;
    double most = fmax(1, fmax((double)rows->row[0].first, (double)rows->row[0].second));
    fprintf(out,
            "<figure><figcaption><b>%s</b> by size class, those with most; the block size in bytes "
            "at the left</figcaption><div class=\"bars\" role=\"img\" aria-label=\"Operations by "
            "size class\">\n",
            is_counted ? "Calls" : "Blocks between caches and lanes");
    for (size_t i = 0; i < count; i++)
        print_bars(out, &rows->row[i], most);
    fprintf(out,
            "</div>\n<ul class=\"legend\"><li><i class=\"t0\"></i>%s, the number at the right</li>"
            "<li><i class=\"t4\"></i>%s</li></ul></figure>\n",
            is_counted ? "allocated" : "refilled", is_counted ? "freed" : "flushed");
}

/* ---- The table ---- */

/* The live bytes of a class at the peak. */
static uint64_t live_of(const struct heap_terms *terms, unsigned size_class)
{
    if (size_class == CLASS_HUGE)
        return terms->lanes[HAK_LANE_HUGE].bytes[BLOCK_LIVE];
    return terms->classes[size_class].bytes[BLOCK_LIVE];
}

static void print_row(FILE *out, const struct run_report *report, unsigned size_class)
{
    const struct traffic *traffic = &report->sampler->traffic[size_class];
    const uint64_t *calls = report->calls->by_class[size_class];
    fprintf(out, "<tr><th scope=\"row\">%s</th><td>%s</td>", name_of(size_class).bytes,
            text_of_size(live_of(&report->sampler->peak.terms, size_class)).bytes);
    if (report->calls->is_counted)
        fprintf(out, "<td>%" PRIu64 "</td><td>%" PRIu64 "</td><td>%" PRIu64 "</td>",
                run_calls_new(report->calls, size_class), calls[OPERATION_REALLOC],
                calls[OPERATION_FREE]);
    fprintf(out, "<td>%" PRIu64 "</td><td>%" PRIu64 "</td></tr>\n", traffic->refilled,
            traffic->flushed);
}

static void print_table(FILE *out, const struct rows *rows)
{
    const struct run_report *report = rows->report;
    run_table_begin(out, "Operations by size class",
                    report->calls->is_counted
                        ? "<th scope=\"col\">block size</th><th scope=\"col\">live at the peak</th>"
                          "<th scope=\"col\">allocated</th><th scope=\"col\">resized</th>"
                          "<th scope=\"col\">freed</th><th scope=\"col\">refilled</th>"
                          "<th scope=\"col\">flushed</th>"
                        : "<th scope=\"col\">block size</th><th scope=\"col\">live at the peak</th>"
                          "<th scope=\"col\">refilled</th><th scope=\"col\">flushed</th>");
    for (size_t i = 0; i < rows->count && i < ROWS_MOST; i++)
        print_row(out, report, rows->row[i].size_class);
    run_table_end(out);
    if (rows->count > ROWS_MOST)
        fprintf(out, "<p class=\"note\">and %zu with fewer</p>\n", rows->count - ROWS_MOST);
}

/* ---- Words ---- */

static void print_note(FILE *out, const struct run_calls *calls)
{
    if (calls->is_counted)
        fprintf(out,
                "<p>All calls of the program: malloc %" PRIu64 ", calloc %" PRIu64
                ", aligned %" PRIu64 ", realloc %" PRIu64 ", free %" PRIu64
                ". C++ operators count as malloc, aligned and free; a resized block counts in its "
                "new class.</p>\n<p class=\"failed\">To count them takes time in each call: the "
                "run was slower than it is without <code class=\"nb\">--operations</code>.</p>\n",
                calls->total[OPERATION_MALLOC], calls->total[OPERATION_CALLOC],
                calls->total[OPERATION_ALIGNED], calls->total[OPERATION_REALLOC],
                calls->total[OPERATION_FREE]);
    else if (calls->shared)
        fputs("<p class=\"failed\">No calls were counted: the program is static or set-user-ID, or "
              "its allocator cannot be replaced.</p>\n",
              out);
    fprintf(
        out,
        "<p class=\"note\">Refilled and flushed: blocks that thread caches took from the "
        "depots and slabs, and gave back, by the last look. Calls that a cache served by itself "
        "are not counted: so the numbers are a lower bound of the calls, except for blocks that a "
        "cache took in advance%s.</p>\n",
        calls->is_counted ? "" : " (<code class=\"nb\">--operations</code> counts each call)");
}

void run_print_operations(FILE *out, const struct run_report *report)
{
    static struct rows rows;
    collect(report, &rows);
    fputs("<section id=\"operations\"><h2>Operations by size class</h2>\n", out);
    print_note(out, report->calls);
    if (rows.count > 0) {
        plot(out, &rows);
        print_table(out, &rows);
    }
    fputs("</section>\n", out);
}
