/* SPDX-License-Identifier: MIT */
/*
 * A comparison for the terminal, at most 80 columns wide.
 */
#include <math.h>
#include <string.h>

#include "compare/compare.h"

#define WIDTH 79
/* Columns for a value, for its precision, and the least and the most for a row's label. */
#define VALUE_COLUMNS 10
#define PRECISION_COLUMNS 8
#define LABEL_LEAST 15
#define LABEL_MOST 30

const struct metric_name metric_names[METRIC_COUNT] = {
    [METRIC_WALL] = {"wall_seconds", "wall time"},
    [METRIC_CPU] = {"cpu_seconds", "CPU time"},
    [METRIC_PEAK] = {"peak_rss_bytes", "peak RSS"},
    [METRIC_MEAN_RSS] = {"mean_rss_bytes", "mean RSS"},
    [METRIC_MINOR] = {"minor_faults", "minor faults"},
    [METRIC_MAJOR] = {"major_faults", "major faults"},
};

static struct short_text text_of_seconds(double seconds)
{
    struct short_text text;
    if (seconds < 0.9995)
        snprintf(text.bytes, sizeof text.bytes, "%.3g ms", 1000 * seconds);
    else
        snprintf(text.bytes, sizeof text.bytes, "%.*f s", seconds < 100 ? 3 : 1, seconds);
    return text;
}

struct short_text metric_text(enum metric metric, double value)
{
    struct short_text text;
    switch (metric) {
    case METRIC_WALL:
    case METRIC_CPU: return text_of_seconds(value);
    case METRIC_PEAK:
    case METRIC_MEAN_RSS: return text_of_size((uint64_t)value);
    default:
        snprintf(text.bytes, sizeof text.bytes, "%.*f", value > 0 && value < 10, value);
        return text;
    }
}

struct short_text metric_precision(const struct interval *interval)
{
    struct short_text text = {"-"};
    double share = 100 * interval_precision(interval);
    if (isfinite(share))
        snprintf(text.bytes, sizeof text.bytes, "± %.*f %%", share < 9.95 ? 1 : 0, share);
    return text;
}

/* Pad to columns: the sign ± is two bytes and one column. */
static void print_right(FILE *out, const char *text, int columns)
{
    int extra = strstr(text, "±") ? 1 : 0;
    fprintf(out, " %*s", columns + extra, text);
}

static bool has_figures(const struct contender *contender)
{
    return contender->runs && !contender->failure[0];
}

/* The columns of the longest label. */
static int label_columns(const struct comparison *comparison)
{
    int most = LABEL_LEAST;
    for (size_t i = 0; i < comparison->count; i++) {
        int length = (int)strlen(comparison->contenders[i].allocator.label);
        if (has_figures(&comparison->contenders[i]) && length > most)
            most = length;
    }
    return most < LABEL_MOST ? most : LABEL_MOST;
}

static void print_contender(FILE *out, const struct comparison *comparison,
                            const struct contender *contender, enum metric first)
{
    int columns = label_columns(comparison);
    fprintf(out, "%-*.*s", columns, columns, contender->allocator.label);
    for (enum metric metric = first; metric < first + 2; metric++) {
        const struct interval *interval = &contender->intervals[metric];
        bool is_best = compare_is_best(comparison, contender, metric);
        print_right(out, interval->count ? metric_text(metric, interval->mean).bytes : "-",
                    VALUE_COLUMNS);
        print_right(out, interval->count ? metric_precision(interval).bytes : "",
                    PRECISION_COLUMNS);
        bool is_last = metric == first + 1 && first != METRIC_WALL;
        fputs(is_best ? " *" : is_last ? "" : "  ", out);
    }
    if (first == METRIC_WALL)
        fprintf(out, "%5zu", contender->runs);
    fputc('\n', out);
}

/* Two metrics side by side. */
static void print_table(FILE *out, const struct comparison *comparison, enum metric first)
{
    const int columns = VALUE_COLUMNS + 1 + PRECISION_COLUMNS;
    fprintf(out, "\n%-*s %*s   %*s", label_columns(comparison), "allocator", columns,
            metric_names[first].label, columns, metric_names[first + 1].label);
    if (first == METRIC_WALL)
        fputs("   runs", out);
    fputc('\n', out);
    for (size_t i = 0; i < comparison->count; i++)
        if (has_figures(&comparison->contenders[i]))
            print_contender(out, comparison, &comparison->contenders[i], first);
}

/* Print words, broken into lines between them. */
static void print_wrapped(FILE *out, const char *text)
{
    while (strlen(text) > WIDTH) {
        size_t length = WIDTH;
        while (length > 1 && text[length] != ' ')
            length--;
        fprintf(out, "%.*s\n", (int)length, text);
        text += length + 1;
    }
    fprintf(out, "%s\n", text);
}

void compare_print_rounds(FILE *out, const struct comparison *comparison)
{
    bool is_cut = false;
    for (size_t i = 0; i < comparison->count; i++)
        is_cut = is_cut || comparison->contenders[i].runs > comparison->rounds;
    fprintf(out, "%zu round%s%s in %.1f s: %s", comparison->rounds,
            comparison->rounds == 1 ? "" : "s", is_cut ? " and a part of another" : "",
            comparison->seconds, compare_ending(comparison));
}

void compare_print_text(FILE *out, const struct comparison *comparison)
{
    struct advice advice;
    compare_advise(comparison, &advice);
    compare_print_rounds(out, comparison);
    fputc('\n', out);
    for (enum metric first = METRIC_WALL; first < METRIC_COUNT && compare_baseline(comparison);
         first += 2)
        print_table(out, comparison, first);
    if (compare_baseline(comparison))
        fputs("\n±: half of the 95 % interval of the mean. *: none is better beyond noise. The\n"
              "noise between two rows is the sum of both halves: a smaller difference may be\n"
              "none.\n",
              out);
    for (size_t i = 0; i < comparison->count; i++)
        if (comparison->contenders[i].failure[0])
            fprintf(out, "left out: %s: %s\n", comparison->contenders[i].allocator.label,
                    comparison->contenders[i].failure);
    for (size_t i = 0; i < comparison->notes.count; i++)
        print_wrapped(out, comparison->notes.lines[i]);
    fputc('\n', out);
    for (size_t i = 0; i < advice.count; i++)
        print_wrapped(out, advice.lines[i]);
}
