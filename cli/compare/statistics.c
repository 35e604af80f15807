/* SPDX-License-Identifier: MIT */
/*
 * Means with their confidence intervals.
 */
#include "compare/statistics.h"

#include <math.h>

double student_t95(size_t degrees)
{
    static const double table[] = {INFINITY, 12.706205, 4.302653, 3.182446, 2.776445,
                                   2.570582, 2.446912,  2.364624, 2.306004, 2.262157};
    const double z = 1.959964;
    const double n = (double)degrees;
    if (degrees < sizeof table / sizeof table[0])
        return table[degrees];
    /* an approximation of t from the normal quantile: correct to 4 digits from 10 degrees on */
    return z + (pow(z, 3) + z) / (4 * n) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n) +
           (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * n * n * n);
}

struct interval interval_of(const double *values, size_t count)
{
    struct interval interval = {0, 0, INFINITY};
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        /* update the mean and the squared distances with each value (Welford) */
        double distance = values[i] - interval.mean;
        interval.mean += distance / (double)++interval.count;
        squares += distance * (values[i] - interval.mean);
    }
    if (interval.count >= 2) {
        double n = (double)interval.count;
        interval.half = student_t95(interval.count - 1) * sqrt(squares / (n - 1) / n);
    }
    return interval;
}

double interval_precision(const struct interval *interval)
{
    if (interval->half == 0)
        return 0;
    return interval->mean > 0 ? interval->half / interval->mean : INFINITY;
}

int interval_order(const struct interval *a, const struct interval *b)
{
    bool is_same = a->count < 2 || b->count < 2 ||
                   fabs(a->mean - b->mean) <= INTERVAL_LEAST_DIFFERENCE * fmax(a->mean, b->mean);
    if (is_same)
        return 0;
    if (a->mean + a->half < b->mean - b->half)
        return -1;
    return a->mean - a->half > b->mean + b->half;
}
