/* SPDX-License-Identifier: MIT */
/*
 * A comparison as a page: the conclusions, a plot of each metric, the figures.
 */
#include <math.h>
#include <string.h>

#include "base/html.h"
#include "compare/compare.h"

/* The dimensions of a plot, in units of its viewBox, which are pixels on a phone. */
#define PLOT_WIDTH 360
#define PLOT_LEFT 98
#define PLOT_RIGHT 280
#define PLOT_ROW 26

static bool has_figures(const struct contender *contender)
{
    return contender->runs && !contender->failure[0];
}

/* ---- The head ---- */

static void print_head(FILE *out, const struct comparison *comparison)
{
    html_begin(out, "Allocators compared");
    fputs("<dl>\n<dt>Command</dt><dd><code>", out);
    html_command(out, comparison->job.argv);
    fputs("</code></dd>\n<dt>Measured</dt><dd>", out);
    compare_print_rounds(out, comparison);
    fputs("</dd>\n", out);
    html_end_header(out);
}

static void print_conclusions(FILE *out, const struct comparison *comparison)
{
    struct advice advice;
    compare_advise(comparison, &advice);
    fputs("<section id=\"conclusions\"><h2>Conclusions</h2>\n", out);
    /* the recommendation is the last line, and the reader wants it first */
    for (size_t i = advice.count; i > 0; i--) {
        fputs(i == advice.count ? "<p class=\"answer\">" : "<p>", out);
        html_prose(out, advice.lines[advice.count == i ? i - 1 : advice.count - 1 - i]);
        fputs("</p>\n", out);
    }
    for (size_t i = 0; i < comparison->count; i++) {
        if (!comparison->contenders[i].failure[0])
            continue;
        fputs("<p class=\"failed\">Left out: ", out);
        html_text(out, comparison->contenders[i].allocator.label);
        fputs(": ", out);
        html_text(out, comparison->contenders[i].failure);
        fputs("</p>\n", out);
    }
    for (size_t i = 0; i < comparison->notes.count; i++) {
        fputs("<p class=\"note\">", out);
        html_prose(out, comparison->notes.lines[i]);
        fputs("</p>\n", out);
    }
    fputs("</section>\n", out);
}

/* ---- Plots ---- */

/* The value at the right end of the plot: the largest value, or the upper end of an interval that
 * is not absurdly wide. */
static double scale_of(const struct comparison *comparison, enum metric metric)
{
    double most = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        const struct interval *interval = &each->intervals[metric];
        if (!has_figures(each))
            continue;
        for (size_t j = 0; j < each->runs; j++)
            most = fmax(most, each->values[metric][j]);
        if (interval->half <= interval->mean)
            most = fmax(most, interval->mean + interval->half);
    }
    return most;
}

static double place(double value, double most)
{
    double share = fmax(0, fmin(1, value / most));
    return PLOT_LEFT + share * (PLOT_RIGHT - PLOT_LEFT);
}

static void print_bar(FILE *out, const struct contender *contender, enum metric metric, double y,
                      double most, bool is_best)
{
    const struct interval *interval = &contender->intervals[metric];
    const char *best = is_best ? " best" : "";
    const char *label = contender->allocator.label;
    char name[sizeof contender->allocator.label];
    /* "as it is" alone: the table has the rest */
    snprintf(name, sizeof name, "%.*s", (int)strcspn(label, ":"), label);
    fprintf(out, "<text class=\"%s\" x=\"0\" y=\"%.0f\">", is_best ? "best" : "", y + 17);
    html_text(out, name);
    fputs("</text>\n", out);
    if (!interval->count) {
        fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%.0f\">too short to tell</text>\n",
                PLOT_LEFT, y + 17);
        return;
    }
    fprintf(out, "<rect class=\"bar%s\" x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"13\"/>\n", best,
            PLOT_LEFT, y + 6, place(interval->mean, most) - PLOT_LEFT);
    for (size_t i = 0; i < contender->runs; i++)
        if (!isnan(contender->values[metric][i]))
            fprintf(out, "<circle class=\"run\" cx=\"%.1f\" cy=\"%.0f\" r=\"1.5\"/>",
                    place(contender->values[metric][i], most), y + 22);
    if (isfinite(interval->half))
        fprintf(out, "\n<path class=\"whisker\" d=\"M%.1f %.0fv9m0 -4.5H%.1fm0 -4.5v9\"/>",
                place(interval->mean - interval->half, most), y + 8,
                place(interval->mean + interval->half, most));
    fprintf(out, "\n<text class=\"end%s\" x=\"%d\" y=\"%.0f\">%s</text>\n", best, PLOT_WIDTH,
            y + 17, metric_text(metric, interval->mean).bytes);
}

static void print_plot(FILE *out, const struct comparison *comparison, enum metric metric)
{
    const char *label = metric_names[metric].label;
    double most = scale_of(comparison, metric);
    size_t rows = 0;
    for (size_t i = 0; i < comparison->count; i++)
        rows += has_figures(&comparison->contenders[i]);
    fprintf(out,
            "<figure><figcaption><b>%c%s</b></figcaption>"
            "<svg role=\"img\" aria-label=\"%s by allocator\" viewBox=\"0 0 %d %zu\">\n"
            "<path class=\"axis\" d=\"M%d 0V%zu\"/>\n",
            label[0] & ~0x20, label + 1, label, PLOT_WIDTH, rows * PLOT_ROW + 4, PLOT_LEFT,
            rows * PLOT_ROW + 4);
    double y = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (!has_figures(each))
            continue;
        print_bar(out, each, metric, y, most > 0 ? most : 1,
                  compare_is_best(comparison, each, metric));
        y += PLOT_ROW;
    }
    fputs("</svg></figure>\n", out);
}

static void print_plots(FILE *out, const struct comparison *comparison)
{
    fputs(
        "<section id=\"plots\"><h2>Comparison</h2>\n<p class=\"note\">Bars are means, "
        "whiskers their 95&nbsp;% confidence intervals, dots single runs. Shorter is better; blue: "
        "no other is better beyond noise.</p>\n<div class=\"plots\">\n",
        out);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        if (scale_of(comparison, metric) > 0)
            print_plot(out, comparison, metric);
    fputs("</div></section>\n", out);
}

/* ---- The table ---- */

static void print_row(FILE *out, const struct comparison *comparison,
                      const struct contender *contender)
{
    fputs("<tr><th scope=\"row\">", out);
    html_text(out, contender->allocator.label);
    fputs("</th>", out);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
        const struct interval *interval = &contender->intervals[metric];
        bool is_best = compare_is_best(comparison, contender, metric);
        fputs(is_best ? "<td class=\"best\">" : "<td>", out);
        if (interval->count)
            fprintf(out, "%s <small>%s</small>", metric_text(metric, interval->mean).bytes,
                    metric_precision(interval).bytes);
        else
            fputs("–", out);
        fputs("</td>", out);
    }
    fprintf(out, "<td>%zu</td></tr>\n", contender->runs);
}

static void print_table(FILE *out, const struct comparison *comparison)
{
    fputs("<section id=\"figures\"><h2>Figures</h2>\n<div class=\"scroll\" tabindex=\"0\" "
          "role=\"region\" aria-label=\"Figures\"><table>\n<caption>Means, and half the width of "
          "their 95 % intervals</caption>\n<thead><tr><th scope=\"col\">allocator</th>",
          out);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        fprintf(out, "<th scope=\"col\">%s</th>", metric_names[metric].label);
    fputs("<th scope=\"col\">runs</th></tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < comparison->count; i++)
        if (has_figures(&comparison->contenders[i]))
            print_row(out, comparison, &comparison->contenders[i]);
    fputs("</tbody></table></div>\n", out);
}

static void print_method(FILE *out, const struct comparison *comparison)
{
    fputs("<p class=\"note\">Each allocator ran once a round; the order shifted by one in each "
          "round. Times and faults are those of the program and the children that it waited for. "
          "RSS was read every 10&nbsp;ms for all its processes together; pages that several of "
          "them share count for each.</p>\n<ul class=\"note\">\n",
          out);
    for (size_t i = 0; i < comparison->count; i++) {
        const struct allocator *allocator = &comparison->contenders[i].allocator;
        fputs("<li>", out);
        html_text(out, allocator->label);
        fputs(": <code>", out);
        html_text(out, allocator->path ? allocator->path : "nothing is preloaded");
        if (allocator->also) {
            fputs(" ", out);
            html_text(out, allocator->also);
        }
        fputs("</code></li>\n", out);
    }
    fputs("</ul></section>\n", out);
}

void compare_print_html(FILE *out, const struct comparison *comparison)
{
    print_head(out, comparison);
    print_conclusions(out, comparison);
    print_plots(out, comparison);
    print_table(out, comparison);
    print_method(out, comparison);
    html_end(out);
}
