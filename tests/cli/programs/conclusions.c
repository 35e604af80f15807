/* SPDX-License-Identifier: MIT */
/*
 * Compiled by compare.sh with cli/compare_advice.c and what it calls. `conclusions
 * NAME:WALL:PEAK...` prints what follows from these figures: WALL and PEAK are MEAN or MEAN~HALF,
 * of 6 runs, and CPU time is WALL. `conclusions t N` prints Student's t of N degrees,
 * `conclusions mean VALUE...` the interval of these values.
 */
#include <stdlib.h>
#include <string.h>

#include "../../../cli/compare.h"

static struct interval parse_interval(const char *text)
{
    char *end;
    struct interval interval = {.count = 6, .mean = strtod(text, &end)};
    if (*end == '~')
        interval.half = strtod(end + 1, NULL);
    return interval;
}

static void parse_contender(struct contender *contender, char *text)
{
    const char *name = strtok(text, ":");
    const char *wall = strtok(NULL, ":");
    const char *peak = strtok(NULL, ":");
    snprintf(contender->allocator.name, sizeof contender->allocator.name, "%s", name);
    contender->runs = 6;
    contender->intervals[METRIC_WALL] = parse_interval(wall);
    contender->intervals[METRIC_CPU] = parse_interval(wall);
    contender->intervals[METRIC_PEAK] = parse_interval(peak);
}

static int print_mean(int argc, char **argv)
{
    double values[64];
    size_t count = 0;
    for (int i = 2; i < argc && count < 64; i++)
        values[count++] = strtod(argv[i], NULL);
    struct interval interval = interval_of(values, count);
    printf("%zu %.6f %.6f\n", interval.count, interval.mean, interval.half);
    return 0;
}

int main(int argc, char **argv)
{
    struct comparison comparison = {.precision = 0.03, .count = (size_t)(argc - 1)};
    struct advice advice;
    if (argc > 2 && strcmp(argv[1], "t") == 0)
        return printf("%.4f\n", student_t95(strtoul(argv[2], NULL, 10))) < 0;
    if (argc > 2 && strcmp(argv[1], "mean") == 0)
        return print_mean(argc, argv);
    comparison.contenders = calloc(comparison.count, sizeof *comparison.contenders);
    for (size_t i = 0; i < comparison.count; i++)
        parse_contender(&comparison.contenders[i], argv[i + 1]);
    compare_advise(&comparison, &advice);
    for (size_t i = 0; i < advice.count; i++)
        puts(advice.lines[i]);
    return 0;
}
