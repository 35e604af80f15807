/* SPDX-License-Identifier: MIT */
/*
 * A comparison as JSON, with each run.
 */
#include <math.h>

#include "base/text.h"
#include "compare/compare.h"

/* JSON has no infinity and no NAN. */
static void print_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "%.17g", value);
    else
        fputs("null", out);
}

static void print_metric(FILE *out, const struct contender *contender, enum metric metric)
{
    const struct interval *interval = &contender->intervals[metric];
    fprintf(out, "\"%s\": {\"mean\": ", metric_names[metric].key);
    print_number(out, interval->count ? interval->mean : NAN);
    fputs(", \"low\": ", out);
    print_number(out, interval->mean - interval->half);
    fputs(", \"high\": ", out);
    print_number(out, interval->mean + interval->half);
    fputs(", \"runs\": [", out);
    for (size_t i = 0; i < contender->runs; i++) {
        fputs(i ? ", " : "", out);
        print_number(out, contender->values[metric][i]);
    }
    fputs("]}", out);
}

static void print_text_or_null(FILE *out, const char *text)
{
    if (text && text[0])
        json_text(out, text);
    else
        fputs("null", out);
}

static void print_contender(FILE *out, const struct contender *contender)
{
    fputs("    {\"name\": ", out);
    json_text(out, contender->allocator.label);
    fprintf(out, ", \"as_it_is\": %s, \"library\": ", contender->allocator.path ? "false" : "true");
    print_text_or_null(out, contender->allocator.path);
    fputs(", \"failure\": ", out);
    print_text_or_null(out, contender->failure);
    fputs(",\n     \"metrics\": {", out);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
        fputs(metric ? ",\n                 " : "", out);
        print_metric(out, contender, metric);
    }
    fputs("}}", out);
}

static void print_lines(FILE *out, const char *key, const struct advice *lines)
{
    fprintf(out, ",\n  \"%s\": [", key);
    for (size_t i = 0; i < lines->count; i++) {
        fputs(i ? ",\n    " : "\n    ", out);
        json_text(out, lines->lines[i]);
    }
    fputs("\n  ]", out);
}

/* Print the allocator that the program uses if nothing is preloaded. */
static void print_as_it_is(FILE *out, const struct provider *provider)
{
    fputs(",\n  \"as_it_is\": {\"allocator\": ", out);
    print_text_or_null(out, provider->name);
    fputs(", \"way\": ", out);
    print_text_or_null(out, provider_way_word(provider->way));
    fputs(", \"library\": ", out);
    print_text_or_null(out, provider->path);
    fputs("}", out);
}

void compare_print_json(FILE *out, const struct comparison *comparison)
{
    struct advice advice;
    compare_advise(comparison, &advice);
    fputs("{\n  \"version\": 1,\n  \"command\": [", out);
    for (size_t i = 0; comparison->job.argv[i]; i++) {
        fputs(i ? ", " : "", out);
        json_text(out, comparison->job.argv[i]);
    }
    fprintf(out,
            "],\n  \"confidence\": 0.95,\n  \"rounds\": %zu,\n  \"seconds\": %.3f,\n"
            "  \"ending\": ",
            comparison->rounds, comparison->seconds);
    json_text(out, compare_ending(comparison));
    fputs(",\n  \"allocators\": [\n", out);
    for (size_t i = 0; i < comparison->count; i++) {
        fputs(i ? ",\n" : "", out);
        print_contender(out, &comparison->contenders[i]);
    }
    fputs("\n  ]", out);
    print_as_it_is(out, &comparison->as_it_is);
    print_lines(out, "notes", &comparison->notes);
    print_lines(out, "conclusions", &advice);
    fputs("\n}\n", out);
}
