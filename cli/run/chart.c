/* SPDX-License-Identifier: MIT */
/*
 * Axes of charts over time: the places of their ticks, and the numbers at them. The drawing is
 * stretched to the width of the page. The numbers are text beside it, so that they are not
 * stretched.
 */
#include "run/chart.h"

#include <math.h>

/* The distance of ticks, at most `most` of them up to `value`: 1, 2 or 5 times a power of 10. */
static double step_of(double value, double most)
{
    double step = pow(10, floor(log10(value / most)));
    const double factors[] = {1, 2, 5, 10};
    for (unsigned i = 0; i < 4; i++)
        if (value / (factors[i] * step) <= most + 1e-9)
            return factors[i] * step;
    return 10 * step;
}

/* The unit in which a size is written. */
static double unit_of(double bytes)
{
    double unit = 1024;
    while (bytes >= 1024 * unit)
        unit *= 1024;
    return unit;
}

#define TICKS_MOST_X 8
#define TICKS_MOST_Y 4

struct chart chart_new(FILE *out, double end, double top, bool is_bytes)
{
    struct chart chart = {.out = out, .end = fmax(end, 1e-3), .unit = is_bytes ? unit_of(top) : 1};
    chart.end_step = step_of(chart.end, TICKS_MOST_X);
    chart.top_step = chart.unit * step_of(top / chart.unit, TICKS_MOST_Y);
    if (!is_bytes)
        chart.top_step = fmax(chart.top_step, 1);
    chart.top = ceil(top / chart.top_step - 1e-9) * chart.top_step;
    return chart;
}

double chart_x(const struct chart *chart, double at)
{
    return CHART_SIDE * fmin(1, at / chart->end);
}

double chart_y(const struct chart *chart, double value)
{
    return CHART_SIDE * (1 - fmax(0, fmin(1, value / chart->top)));
}

void chart_begin(const struct chart *chart, const char *title, const char *note, const char *style)
{
    fprintf(chart->out,
            "<figure><figcaption><b>%s</b> %s</figcaption>\n<div class=\"chart %s\">"
            "<svg role=\"img\" aria-label=\"%s over time\" viewBox=\"0 0 1000 1000\" "
            "preserveAspectRatio=\"none\">\n",
            title, note, style, title);
}

static const char *unit_name(double unit)
{
    static const char *const names[] = {"", " KiB", " MiB", " GiB", " TiB", " PiB"};
    unsigned power = 0;
    for (; unit >= 1024 && power < 5; unit /= 1024)
        power++;
    return names[power];
}

void chart_end(const struct chart *chart)
{
    FILE *out = chart->out;
    fputs("<path class=\"grid\" d=\"", out);
    for (double at = 0; at <= chart->top * 1.0001; at += chart->top_step)
        fprintf(out, "M0 %.1fH1000", chart_y(chart, at));
    fputs("\"/>\n</svg><div class=\"y\">", out);
    for (double at = 0; at <= chart->top * 1.0001; at += chart->top_step) {
        fprintf(out, "<span style=\"top:%.1f%%\">", chart_y(chart, at) * 100 / CHART_SIDE);
        fprintf(out, "%.10g%s</span>", at / chart->unit, at > 0 ? unit_name(chart->unit) : "");
    }
    fputs("</div><div class=\"x\">", out);
    for (unsigned i = 0; i * chart->end_step <= chart->end * 1.0001; i++)
        fprintf(out, "<span style=\"left:%.1f%%\">%.10g s</span>",
                chart_x(chart, i * chart->end_step) * 100 / CHART_SIDE, i * chart->end_step);
    fputs("</div></div>\n", out);
}
