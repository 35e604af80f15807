/* SPDX-License-Identifier: MIT */
/*
 * Advice on live memory that grows without end. There must be no advice about a cache that fills to
 * a bound, or about memory that comes and goes.
 */
#include "run/growth_advice.h"

#include <math.h>

#include "base/text.h"
#include "lane/lane.h"

/* Growth below this is not mentioned. */
#define LEAST_BYTES ((double)(1 << 20))
/* The looks are divided into this many parts. Growth must continue in all parts from GROWTH_FIRST
 * on. */
#define GROWTH_PARTS 8
#define GROWTH_FIRST 4
#define GROWTH_LOOKS_LEAST 20
/* Each part must grow by this much of the mean, and the last part by this much of the first one:
 * otherwise growth is about to end. */
#define GROWTH_ON 0.4
/* A growth of less than this share of the live memory counts only if it is a straight line: each of
 * the parts from STRAIGHT_FIRST on grew by at least half the mean and at most twice the mean. */
#define GROWTH_SHARE 0.10
#define STRAIGHT_FIRST 2
#define STRAIGHT_FACTOR 2
/* The growth in an hour is not predicted from fewer seconds than these. */
#define HOUR_SECONDS_LEAST 5.0

/* The number of looks before the program freed all its memory at its end, as many programs do. It
 * is all looks if live memory did not fall to the end, or if it began to fall before the last
 * part. */
static size_t looks_before_end(const struct heap_facts *facts)
{
    const struct moment *moments = facts->moments;
    size_t most = facts->count - 1 - facts->count / GROWTH_PARTS;
    for (size_t i = most + 1; i < facts->count; i++)
        if (moments[i].live >= moments[most].live)
            most = i;
    for (size_t i = most + 1; i < facts->count; i++)
        if ((double)moments[i].live > (double)moments[i - 1].live + LEAST_BYTES)
            return facts->count;
    return most + 1;
}

/* The look with the least live memory in one part. */
static const struct moment *lowest(const struct heap_facts *facts, size_t part)
{
    size_t begin = facts->count * part / GROWTH_PARTS;
    size_t end = facts->count * (part + 1) / GROWTH_PARTS;
    const struct moment *least = &facts->moments[begin];
    for (size_t i = begin + 1; i < end; i++)
        if (facts->moments[i].live < least->live)
            least = &facts->moments[i];
    return least;
}

/* The bytes by which live memory grew from the part before to this one. */
static double rise(const struct heap_facts *facts, size_t part)
{
    return (double)lowest(facts, part)->live - (double)lowest(facts, part - 1)->live;
}

/* The same from part GROWTH_FIRST to the last one. */
static double late_growth(const struct heap_facts *facts)
{
    return (double)lowest(facts, GROWTH_PARTS - 1)->live -
           (double)lowest(facts, GROWTH_FIRST)->live;
}

static double mean_rise(const struct heap_facts *facts)
{
    return late_growth(facts) / (GROWTH_PARTS - 1 - GROWTH_FIRST);
}

static bool is_on_line(const struct heap_facts *facts, size_t part)
{
    double mean = mean_rise(facts);
    double bytes = rise(facts, part);
    return bytes >= mean / STRAIGHT_FACTOR && bytes <= mean * STRAIGHT_FACTOR;
}

/* The first of the parts that grew like the last ones. */
static size_t first_of_line(const struct heap_facts *facts)
{
    size_t part = GROWTH_FIRST;
    while (part > 0 && is_on_line(facts, part))
        part--;
    return part;
}

static bool is_straight(const struct heap_facts *facts)
{
    for (size_t i = STRAIGHT_FIRST + 1; i < GROWTH_PARTS; i++)
        if (!is_on_line(facts, i))
            return false;
    return true;
}

/* Did live memory grow in each part of the second half, and at about the same rate? Memory that is
 * freed from time to time does not count, nor memory that was built up once. If there was more live
 * memory before, in the second quarter, then it comes and goes. */
static bool has_grown(const struct heap_facts *facts)
{
    if (facts->count < GROWTH_LOOKS_LEAST || late_growth(facts) < LEAST_BYTES)
        return false;
    for (size_t i = GROWTH_FIRST / 2; i < GROWTH_FIRST; i++)
        if (lowest(facts, i)->live > lowest(facts, GROWTH_FIRST)->live)
            return false;
    for (size_t i = GROWTH_FIRST + 1; i < GROWTH_PARTS; i++)
        if (rise(facts, i) < GROWTH_ON * mean_rise(facts))
            return false;
    if (rise(facts, GROWTH_PARTS - 1) < GROWTH_ON * rise(facts, GROWTH_FIRST + 1))
        return false;
    return late_growth(facts) >= GROWTH_SHARE * (double)lowest(facts, GROWTH_PARTS - 1)->live ||
           is_straight(facts);
}

/* The look that ends the line. It is the last look if live memory never fell in the last part. Else
 * it is the lowest look of that part: the memory that other looks saw beyond it may have been freed
 * soon. */
static const struct moment *end_of_line(const struct heap_facts *facts)
{
    for (size_t i = facts->count * (GROWTH_PARTS - 1) / GROWTH_PARTS + 1; i < facts->count; i++)
        if (facts->moments[i].live < facts->moments[i - 1].live)
            return lowest(facts, GROWTH_PARTS - 1);
    return heap_last_moment(facts);
}

static int64_t class_growth(const struct moment *from, const struct moment *to, unsigned c)
{
    return (int64_t)(to->classes[c].live - from->classes[c].live);
}

static void add_growing_class(const struct moment *from, const struct moment *to,
                              struct advice *advice)
{
    unsigned most = CLASS_FIRST;
    for (unsigned c = CLASS_FIRST; c <= CLASS_HUGE; c++)
        if (class_growth(from, to, c) > class_growth(from, to, most))
            most = c;
    if (class_growth(from, to, most) <= 0)
        return;
    advice_add(advice, "%s of that is in ",
               text_of_size((uint64_t)class_growth(from, to, most)).bytes);
    heap_add_class(advice, most);
    advice_add(advice, ". ");
}

static void add_gain(uint64_t growth, double seconds, struct advice *advice)
{
    advice_add(advice, "If the program no longer needs these blocks, freeing them saves %s here",
               text_of_size(growth).bytes);
    if (seconds >= HOUR_SECONDS_LEAST)
        advice_add(advice, ", and %s for each hour that it goes on",
                   text_of_size((uint64_t)(3600 * (double)growth / seconds)).bytes);
    advice_add(advice, ".");
}

bool growth_find(const struct heap_facts *all, struct growth *growth)
{
    struct heap_facts facts = *all;
    facts.count = looks_before_end(all);
    if (!has_grown(&facts))
        return false;
    growth->from = lowest(&facts, first_of_line(&facts));
    growth->to = end_of_line(&facts);
    return true;
}

void growth_advise(const struct heap_facts *facts, struct advice *advice)
{
    struct growth found;
    if (!growth_find(facts, &found))
        return;
    const struct moment *from = found.from;
    const struct moment *to = found.to;
    uint64_t growth = to->live - from->live;
    double seconds = fmax(to->at - from->at, 1e-3);
    advice_add(advice,
               "Live memory grew from %.2f s to %.2f s without levelling off: from %s to %s, %s a "
               "second. ",
               from->at, to->at, text_of_size(from->live).bytes, text_of_size(to->live).bytes,
               text_of_size((uint64_t)((double)growth / seconds)).bytes);
    add_growing_class(from, to, advice);
    add_gain(growth, seconds, advice);
    if ((double)growth < GROWTH_SHARE * (double)to->live)
        advice_add(advice, " That is little beside the %s that it holds: look for longer.",
                   text_of_size(to->live).bytes);
    advice_end_line(advice);
}
