/* SPDX-License-Identifier: MIT */
/*
 * Means with their confidence intervals.
 */
#ifndef HAK_CLI_STATISTICS_H
#define HAK_CLI_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* The 95 % confidence interval of a mean: [mean - half, mean + half]. */
struct interval {
    size_t count; /* the number of values; 0: nothing is known */
    double mean;
    double half; /* INFINITY if there are fewer than 2 values */
};

/* Student's t, two-sided, 95 %. */
double student_t95(size_t degrees);

/* Values that are NAN do not count. */
struct interval interval_of(const double *values, size_t count);

/* Half the width of the interval as a share of the mean; 0 if all values are 0. */
double interval_precision(const struct interval *interval);

/* Two means that differ by less than this count as equal, however certain the difference is. */
#define INTERVAL_LEAST_DIFFERENCE 0.01

/* -1 if a is below b beyond noise, +1 if it is above, 0 if that is not known: the intervals touch,
 * or the means differ by less than 1 %. */
int interval_order(const struct interval *a, const struct interval *b);

#endif
