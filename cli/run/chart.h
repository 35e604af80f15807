/* SPDX-License-Identifier: MIT */
/*
 * A chart over time in a page.
 */
#ifndef HAK_CLI_CHART_H
#define HAK_CLI_CHART_H

#include <stdbool.h>
#include <stdio.h>

/* The length of a chart's sides, in its own units. */
#define CHART_SIDE 1000.0

/* Purpose: a chart that is being written. Both axes begin at 0 and have a tick at each step; the
 * vertical axis ends at a tick. */
struct chart {
    FILE *out;
    double end; /* seconds at the right end */
    double top; /* the value at the upper end */
    double end_step;
    double top_step;
    double unit; /* the unit of the vertical axis in bytes; 1 for a number */
};

struct chart chart_new(FILE *out, double end, double top, bool is_bytes);
/* The place of a moment, and of a value, in the chart's units. */
double chart_x(const struct chart *chart, double at);
double chart_y(const struct chart *chart, double value);
/* Begin a chart, up to the place where its content is drawn; `style` is a class, "tall" or none. */
void chart_begin(const struct chart *chart, const char *title, const char *note, const char *style);
/* Write the axes' lines and numbers, and the end of the drawing; the caption's <figure> is open. */
void chart_end(const struct chart *chart);

#endif
