/* SPDX-License-Identifier: MIT */
/*
 * Decides on a comparison, once: how each contender compares with the baseline in wall time, CPU
 * time and peak memory, and which to use instead of it, or that the noise is too large to tell. It
 * does not know the names of allocators.
 */
#include <math.h>

#include "compare/compare.h"

/* If more runs than this would be needed, the advice is a quieter machine instead. */
#define RUNS_WANTED_MOST 1000

bool compare_is_alive(const struct contender *contender)
{
    return !contender->failure[0] && contender->runs > 0;
}

static double mean(const struct contender *contender, enum metric metric)
{
    return contender->intervals[metric].mean;
}

const struct contender *compare_baseline(const struct comparison *comparison)
{
    const struct contender *first = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (!compare_is_alive(each))
            continue;
        if (!each->allocator.path)
            return each;
        first = first ? first : each;
    }
    return first;
}

/* ---- Relations ---- */

static int order(const struct contender *a, const struct contender *b, enum metric metric)
{
    return interval_order(&a->intervals[metric], &b->intervals[metric]);
}

/* A share of the larger mean. */
static double share_of_larger(double value, const struct contender *a, const struct contender *b,
                              enum metric metric)
{
    double larger = fmax(mean(a, metric), mean(b, metric));
    if (value == 0)
        return 0;
    return larger > 0 ? value / larger : INFINITY;
}

static double difference_of(const struct contender *a, const struct contender *b,
                            enum metric metric)
{
    return share_of_larger(fabs(mean(a, metric) - mean(b, metric)), a, b, metric);
}

/* The greatest difference that may be noise: the intervals of two contenders that differ less
 * touch. */
static double noise_of(const struct contender *a, const struct contender *b, enum metric metric)
{
    return share_of_larger(a->intervals[metric].half + b->intervals[metric].half, a, b, metric);
}

enum relation compare_relation(const struct comparison *comparison, const struct contender *a,
                               const struct contender *b, enum metric metric)
{
    int sign = order(a, b, metric);
    if (sign != 0)
        return sign < 0 ? RELATION_LESS : RELATION_MORE;
    double known = fmax(2 * comparison->precision, INTERVAL_LEAST_DIFFERENCE);
    return noise_of(a, b, metric) <= known ? RELATION_SAME : RELATION_UNKNOWN;
}

const struct contender *compare_better(const struct comparison *comparison,
                                       const struct contender *contender, enum metric metric)
{
    const struct contender *better = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (compare_is_alive(each) && order(each, contender, metric) < 0 &&
            (!better || mean(each, metric) < mean(better, metric)))
            better = each;
    }
    return better;
}

bool compare_is_best(const struct comparison *comparison, const struct contender *contender,
                     enum metric metric)
{
    return compare_is_alive(contender) && contender->intervals[metric].count > 0 &&
           !compare_better(comparison, contender, metric);
}

/* ---- The picks ---- */

/* Is this metric a reason for a contender: does it beat the baseline, and no other beat it? */
static bool speaks_for(const struct comparison *comparison, const struct contender *contender,
                       const struct contender *baseline, enum metric metric)
{
    return compare_is_best(comparison, contender, metric) && order(contender, baseline, metric) < 0;
}

/* The disadvantages of a contender against the baseline: first the number of metrics in which it is
 * not known to be as good, then by how much. */
static double cost(const struct comparison *comparison, const struct contender *contender,
                   const struct contender *baseline)
{
    double sum = 0;
    for (enum metric metric = 0; metric < CRITERIA; metric++) {
        enum relation relation = compare_relation(comparison, contender, baseline, metric);
        double ratio = mean(baseline, metric) > 0 ? mean(contender, metric) / mean(baseline, metric)
                                                  : 1;
        /* the ratio decides only between equal numbers of metrics */
        sum += (relation >= RELATION_MORE ? 1e6 : 0) + fmin(ratio, 1e5);
    }
    return sum;
}

/* Of the contenders for which `metric` is a reason, the one with most open metrics as reasons, then
 * the one with least disadvantages. */
static struct pick pick_for(const struct comparison *comparison, const struct decision *decision,
                            const bool is_open[CRITERIA], enum metric metric)
{
    struct pick best = {.contender = NULL};
    unsigned best_count = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        struct pick each = {.contender = &comparison->contenders[i]};
        unsigned count = 0;
        if (!speaks_for(comparison, each.contender, decision->baseline, metric))
            continue;
        for (enum metric other = 0; other < CRITERIA; other++) {
            each.is_for[other] = is_open[other] &&
                                 speaks_for(comparison, each.contender, decision->baseline, other);
            count += each.is_for[other];
        }
        if (count > best_count ||
            (count == best_count && cost(comparison, each.contender, decision->baseline) <
                                        cost(comparison, best.contender, decision->baseline))) {
            best = each;
            best_count = count;
        }
    }
    return best;
}

/* Choose one pick after another, until each metric that is a reason against the baseline has its
 * own. */
static void pick_all(const struct comparison *comparison, struct decision *decision)
{
    bool is_open[CRITERIA];
    for (enum metric metric = 0; metric < CRITERIA; metric++)
        is_open[metric] = true;
    for (enum metric metric = 0; metric < CRITERIA; metric++) {
        if (!is_open[metric])
            continue;
        struct pick pick = pick_for(comparison, decision, is_open, metric);
        if (!pick.contender)
            continue;
        for (enum metric other = 0; other < CRITERIA; other++)
            is_open[other] = is_open[other] && !pick.is_for[other];
        decision->picks[decision->pick_count++] = pick;
    }
}

/* ---- The noise ---- */

/* Is more CPU time enough to know that the wall time is not better? Yes if the noise of the wall
 * time is smaller than the difference in CPU time. */
static bool is_slower_by_cpu(const struct comparison *comparison, const struct contender *contender,
                             const struct contender *baseline)
{
    return compare_relation(comparison, contender, baseline, METRIC_CPU) == RELATION_MORE &&
           noise_of(contender, baseline, METRIC_WALL) <=
               difference_of(contender, baseline, METRIC_CPU);
}

/* A contender beats the baseline in nothing: is it known that it is no better, neither in time nor
 * in memory? */
static bool is_settled(const struct comparison *comparison, const struct contender *contender,
                       const struct contender *baseline)
{
    enum relation wall = compare_relation(comparison, contender, baseline, METRIC_WALL);
    enum relation cpu = compare_relation(comparison, contender, baseline, METRIC_CPU);
    enum relation peak = compare_relation(comparison, contender, baseline, METRIC_PEAK);
    bool is_time_known = is_slower_by_cpu(comparison, contender, baseline) ||
                         (wall != RELATION_UNKNOWN &&
                          (cpu != RELATION_UNKNOWN || wall == RELATION_MORE));
    return is_time_known && peak != RELATION_UNKNOWN;
}

/* Fill in the noise of each metric, and how many runs would show the greatest difference that it
 * may hide: intervals shrink with the square root of the number of runs. */
static void note_noise(const struct comparison *comparison, struct decision *decision, size_t runs)
{
    double wanted = 0;
    for (enum metric metric = 0; metric < CRITERIA; metric++) {
        double difference = 2 * comparison->precision;
        for (size_t i = 0; i < comparison->count; i++) {
            const struct contender *each = &comparison->contenders[i];
            const struct contender *baseline = decision->baseline;
            if (!compare_is_alive(each) || each == baseline ||
                compare_relation(comparison, each, baseline, metric) != RELATION_UNKNOWN)
                continue;
            decision->noise[metric] = fmax(decision->noise[metric],
                                           noise_of(each, baseline, metric));
            difference = fmax(difference, difference_of(each, baseline, metric));
        }
        double ratio = decision->noise[metric] / difference;
        wanted = fmax(wanted, (double)runs * fmax(2, ratio * ratio));
    }
    decision->runs_wanted = wanted <= RUNS_WANTED_MOST ? (size_t)ceil(wanted) : 0;
}

/* ---- The verdict ---- */

static size_t fewest_runs(const struct comparison *comparison, size_t *alive)
{
    size_t fewest = SIZE_MAX;
    *alive = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (!compare_is_alive(each))
            continue;
        ++*alive;
        fewest = each->runs < fewest ? each->runs : fewest;
    }
    return fewest;
}

struct lead compare_lead(const struct comparison *comparison, const struct contender *baseline,
                         enum metric metric)
{
    struct lead lead = {.least = INFINITY};
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (!compare_is_alive(each) || each == baseline)
            continue;
        if (compare_relation(comparison, each, baseline, metric) != RELATION_MORE) {
            lead.has_rival = true;
            continue;
        }
        double share = difference_of(each, baseline, metric);
        lead.least = fmin(lead.least, share);
        lead.most = fmax(lead.most, share);
        lead.last = each;
        lead.count++;
    }
    return lead;
}

void compare_decide(const struct comparison *comparison, struct decision *decision)
{
    size_t alive;
    size_t runs = fewest_runs(comparison, &alive);
    *decision = (struct decision){.baseline = compare_baseline(comparison)};
    decision->verdict = alive < 2 ? VERDICT_NOTHING : VERDICT_ONE_RUN;
    if (alive < 2 || runs < 2)
        return;
    note_noise(comparison, decision, runs);
    pick_all(comparison, decision);
    decision->verdict = decision->pick_count ? VERDICT_CHANGE : VERDICT_STAY;
    for (size_t i = 0; i < comparison->count && decision->verdict == VERDICT_STAY; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (compare_is_alive(each) && each != decision->baseline &&
            !is_settled(comparison, each, decision->baseline))
            decision->verdict = VERDICT_UNKNOWN;
    }
}
