/* SPDX-License-Identifier: MIT */
/*
 * Finds the stacks that grew most, up to the moment when all stacks together had the most live
 * bytes. A stack gets a warning by the same rule as the whole heap, and only if its growth is more
 * than the chance of sampling explains.
 */
#include "run/stack_growth.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/html.h"
#include "base/text.h"
#include "run/chart.h"
#include "run/growth_advice.h"
#include "sites/flame_page.h"

#define PLOTTED_MOST ((size_t)10)
#define WARNED_MOST ((size_t)3)
/* Growth below this is not drawn. */
#define PLOTTED_BYTES ((double)(64 << 10))
/* The error of a stack's live bytes is about the square root of (live bytes * interval). Growth
 * counts if it is at least this many times the error. */
#define CERTAIN 4
/* If growth took at least this many seconds, its rate is per minute, else per second. */
#define MINUTE_SECONDS_LEAST 5.0

/* Purpose: a series, and its growth up to the moment of most live bytes. */
struct grown {
    const struct site_series *series;
    double bytes;
};

/* The look at which all stacks together had the most live bytes; of equal looks the last. */
static size_t find_top(const struct site_history *history)
{
    size_t top = 0;
    double most = -1;
    for (size_t i = 0; i < history->count; i++) {
        double sum = 0;
        for (size_t j = 0; j < history->series_count; j++)
            sum += (double)history->series[j].bytes[i];
        if (sum >= most) {
            most = sum;
            top = i;
        }
    }
    return top;
}

/* Find the series that grew most, in order; returns their number. */
static size_t find_grown(const struct site_history *history, struct grown *grown)
{
    size_t count = 0;
    size_t top = find_top(history);
    for (size_t i = 0; i < history->series_count && history->count > 1; i++) {
        const struct site_series *series = &history->series[i];
        double bytes = (double)series->bytes[top] - (double)series->bytes[0];
        size_t at = count;
        while (at > 0 && grown[at - 1].bytes < bytes)
            at--;
        if (at == PLOTTED_MOST || bytes < PLOTTED_BYTES)
            continue;
        if (count < PLOTTED_MOST)
            count++;
        memmove(&grown[at + 1], &grown[at], (count - at - 1) * sizeof grown[0]);
        grown[at] = (struct grown){series, bytes};
    }
    return count;
}

/* ---- the chart ---- */

static void plot_series(const struct chart *chart, const struct site_history *history,
                        const struct site_series *series, size_t number)
{
    fprintf(chart->out, "<path class=\"s%zu\" d=\"", number);
    for (size_t i = 0; i < history->count; i++)
        fprintf(chart->out, "%c%.1f %.1f", i ? 'L' : 'M', chart_x(chart, history->at[i]),
                chart_y(chart, (double)series->bytes[i]));
    fputs("\"/>\n", chart->out);
}

static void print_legend(FILE *out, const struct stack_looks *looks, const struct grown *grown,
                         size_t count)
{
    fputs("<ul class=\"legend grown\">", out);
    for (size_t i = 0; i < count; i++) {
        const struct site_view *site = site_history_site(grown[i].series, &looks->profile.view);
        fprintf(out, "<li><i class=\"s%zu\"></i><span class=\"nb\">+%s</span> ", i,
                text_of_size((uint64_t)grown[i].bytes).bytes);
        if (site) {
            stack_print_name(out, &looks->profile, site);
            stack_print_callers(out, &looks->profile, site);
        } else {
            fputs("(stack not kept)", out);
        }
        fputs("</li>\n", out);
    }
    fputs("</ul>", out);
}

void stack_growth_plot(FILE *out, const struct stack_looks *looks, double end)
{
    struct grown grown[PLOTTED_MOST + 1];
    const struct site_history *history = &looks->history;
    size_t count = looks->has_profile ? find_grown(history, grown) : 0;
    double top = 1;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        top = fmax(top, (double)grown[i].series->most);
    const struct chart chart = chart_new(out, fmax(end, history->at[history->count - 1]), top,
                                         true);
    chart_begin(&chart, "Stacks that grew most",
                "live bytes, estimated; by how much they grew, and the function that asked",
                "tall");
    for (size_t i = count; i-- > 0;)
        plot_series(&chart, history, grown[i].series, i);
    chart_end(&chart);
    print_legend(out, looks, grown, count);
    fputs("</figure>\n", out);
}

/* ---- warnings ---- */

static bool is_certain(const struct growth *growth, uint64_t interval)
{
    double bytes = (double)growth->to->live - (double)growth->from->live;
    return bytes >= CERTAIN * sqrt((double)growth->to->live * (double)interval);
}

static void add_name(struct advice *advice, const struct stack_looks *looks,
                     const struct site_series *series)
{
    static struct named_stack stack;
    const struct site_view *site = site_history_site(series, &looks->profile.view);
    if (!site) {
        advice_add(advice, "(stack not kept)");
        return;
    }
    stack_name(&stack, &looks->profile, site);
    const struct frame *frame = stack.frames[stack.own];
    const char *slash = frame->file ? strrchr(frame->file, '/') : NULL;
    advice_add(advice, "%.120s", frame->function);
    if (frame->file)
        advice_add(advice, " (%.80s:%" PRIu32 ")", slash ? slash + 1 : frame->file, frame->line);
    if (stack.own + 1 < stack.count)
        advice_add(advice, ", called by %.120s,", stack.frames[stack.own + 1]->function);
}

static void advise_on(const struct stack_looks *looks, const struct site_series *series,
                      struct advice *advice)
{
    static struct moment moments[HISTORY_LOOKS];
    const struct site_history *history = &looks->history;
    const struct heap_facts facts = {.moments = moments, .count = history->count};
    struct growth growth;
    for (size_t i = 0; i < history->count; i++)
        moments[i] = (struct moment){.at = history->at[i], .live = series->bytes[i]};
    if (!growth_find(&facts, &growth) || !is_certain(&growth, looks->profile.view.interval))
        return;
    double seconds = fmax(growth.to->at - growth.from->at, 1e-3);
    double rate = (double)(growth.to->live - growth.from->live) / seconds;
    bool is_long = seconds >= MINUTE_SECONDS_LEAST;
    advice_add(advice, "Memory that was asked for in ");
    add_name(advice, looks, series);
    advice_add(advice,
               " never stopped growing: from %s at %.2f s to %s at %.2f s, %s a %s. "
               "Look there first for blocks that nobody frees.",
               text_of_size(growth.from->live).bytes, growth.from->at,
               text_of_size(growth.to->live).bytes, growth.to->at,
               text_of_size((uint64_t)(is_long ? 60 * rate : rate)).bytes,
               is_long ? "minute" : "second");
    advice_end_line(advice);
}

void stack_growth_advise(const struct stack_looks *looks, struct advice *advice)
{
    struct grown grown[PLOTTED_MOST + 1];
    size_t count = looks->has_profile ? find_grown(&looks->history, grown) : 0;
    size_t before = advice->count;
    for (size_t i = 0; i < count && advice->count - before < WARNED_MOST; i++)
        advise_on(looks, grown[i].series, advice);
}
