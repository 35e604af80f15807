/* SPDX-License-Identifier: MIT */
/*
 * What follows from a comparison, in plain words: who is best in time and in memory, and what that
 * means for a choice. It knows no allocator but the baseline: ours gets no other words than the
 * others. A difference is named only when the intervals do not touch. Called by the forms;
 * calls statistics.c and advice.c.
 */
#include <math.h>
#include <string.h>

#include "compare.h"

/* ---- Who is better ---- */

static bool is_alive(const struct contender *contender)
{
    return !contender->failure[0] && contender->runs > 0;
}

const struct contender *compare_baseline(const struct comparison *comparison)
{
    const struct contender *first = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (!is_alive(each))
            continue;
        if (strcmp(each->allocator.name, ALLOCATOR_GLIBC) == 0)
            return each;
        first = first ? first : each;
    }
    return first;
}

static int order(const struct contender *a, const struct contender *b, enum metric metric)
{
    return interval_order(&a->intervals[metric], &b->intervals[metric]);
}

static double mean(const struct contender *contender, enum metric metric)
{
    return contender->intervals[metric].mean;
}

/* The one with the lowest mean. */
static const struct contender *lowest(const struct comparison *comparison, enum metric metric)
{
    const struct contender *best = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (is_alive(each) && each->intervals[metric].count > 0 &&
            (!best || mean(each, metric) < mean(best, metric)))
            best = each;
    }
    return best;
}

bool compare_is_best(const struct comparison *comparison, const struct contender *contender,
                     enum metric metric)
{
    const struct contender *best = lowest(comparison, metric);
    return best && is_alive(contender) && contender->intervals[metric].count > 0 &&
           order(best, contender, metric) == 0;
}

/* Of those that nobody beats in `metric` and that beat the baseline, the one with least of
 * `other`. NULL: nobody beats the baseline. */
static const struct contender *pick(const struct comparison *comparison, enum metric metric,
                                    enum metric other)
{
    const struct contender *baseline = compare_baseline(comparison);
    const struct contender *best = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (!compare_is_best(comparison, each, metric) || order(each, baseline, metric) >= 0)
            continue;
        if (!best || mean(each, other) < mean(best, other))
            best = each;
    }
    return best;
}

/* ---- Words ---- */

/* "12 % less", "3.4 % more", "2.5 times as much": a beside b. */
static struct short_text difference(const struct contender *a, const struct contender *b,
                                    enum metric metric)
{
    struct short_text text;
    double ratio = mean(b, metric) > 0 ? mean(a, metric) / mean(b, metric) : INFINITY;
    double percent = 100 * fabs(ratio - 1);
    if (ratio >= 2)
        snprintf(text.bytes, sizeof text.bytes, "%.1f times as much", ratio);
    else
        snprintf(text.bytes, sizeof text.bytes, "%.*f %% %s", percent < 9.95 ? 1 : 0, percent,
                 ratio < 1 ? "less" : "more");
    return text;
}

static const char *noun(enum metric metric)
{
    return metric == METRIC_WALL ? "time" : metric == METRIC_CPU ? "CPU time" : "peak memory";
}

/* "12 % less time", or "no difference in time". */
static void add_relation(struct advice *advice, const struct contender *a,
                         const struct contender *b, enum metric metric)
{
    if (order(a, b, metric) == 0)
        advice_add(advice, "no difference in %s beyond noise", noun(metric));
    else
        advice_add(advice, "%s %s", difference(a, b, metric).bytes, noun(metric));
}

/* Whether a contender is to be listed: those that are best, or those behind the best. */
static bool is_listed(const struct comparison *comparison, const struct contender *contender,
                      enum metric metric, bool wants_best)
{
    return is_alive(contender) && compare_is_best(comparison, contender, metric) == wants_best;
}

/* The listed contender with the lowest mean that comes after `last` in this ranking (NULL: the
 * first). Equal ones are in the order of the table. */
static const struct contender *next_listed(const struct comparison *comparison,
                                           const struct contender *last, enum metric metric,
                                           bool wants_best)
{
    const struct contender *next = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        bool is_behind = !last || mean(each, metric) > mean(last, metric) ||
                         (mean(each, metric) == mean(last, metric) && each > last);
        if (is_behind && is_listed(comparison, each, metric, wants_best) &&
            (!next || mean(each, metric) < mean(next, metric)))
            next = each;
    }
    return next;
}

/* The names of those that are best, or of those that are not with their distance from it; the
 * lowest first. Returns how many. */
static size_t add_names(struct advice *advice, const struct comparison *comparison,
                        enum metric metric, bool wants_best)
{
    const struct contender *best = lowest(comparison, metric);
    const struct contender *each = next_listed(comparison, NULL, metric, wants_best);
    size_t count = 0;
    for (; each; count++) {
        const struct contender *next = next_listed(comparison, each, metric, wants_best);
        advice_add(advice, "%s%s", count == 0 ? "" : next ? ", " : " and ", each->allocator.name);
        if (!wants_best)
            advice_add(advice, " (%s)", difference(each, best, metric).bytes);
        each = next;
    }
    return count;
}

static void advise_on(struct advice *advice, const struct comparison *comparison,
                      enum metric metric)
{
    const struct contender *baseline = compare_baseline(comparison);
    size_t behind = 0;
    for (size_t i = 0; i < comparison->count; i++)
        behind += is_listed(comparison, &comparison->contenders[i], metric, false);
    advice_add(advice, "%c%s: ", noun(metric)[0] & ~0x20, noun(metric) + 1);
    if (behind == 0) {
        advice_add(advice, "no difference beyond noise.");
        advice_end_line(advice);
        return;
    }
    size_t best = add_names(advice, comparison, metric, true);
    advice_add(advice,
               best == 1 ? " needs least" : " need least, without a difference beyond noise");
    if (!compare_is_best(comparison, baseline, metric))
        advice_add(advice, ", %s than %s",
                   difference(lowest(comparison, metric), baseline, metric).bytes,
                   baseline->allocator.name);
    advice_add(advice, "; then ");
    add_names(advice, comparison, metric, false);
    advice_add(advice, ".");
    advice_end_line(advice);
}

/* ---- The recommendation ---- */

static void add_choice(struct advice *advice, const struct contender *choice,
                       const struct contender *baseline, enum metric first)
{
    enum metric second = first == METRIC_WALL ? METRIC_PEAK : METRIC_WALL;
    add_relation(advice, choice, baseline, first);
    advice_add(advice, order(choice, baseline, second) == 0 ? ", " : " and ");
    add_relation(advice, choice, baseline, second);
}

/* One that beats the baseline in `metric`, and nobody who beats it in the other. */
static void recommend_one(struct advice *advice, const struct contender *choice,
                          const struct contender *baseline, enum metric metric)
{
    enum metric other = metric == METRIC_WALL ? METRIC_PEAK : METRIC_WALL;
    const char *name = baseline->allocator.name;
    advice_add(advice, "Recommendation: %s", choice->allocator.name);
    if (order(choice, baseline, other) > 0)
        advice_add(advice, " where %s matters more than %s, else %s", noun(metric), noun(other),
                   name);
    advice_add(advice, ": ");
    add_choice(advice, choice, baseline, metric);
    advice_add(advice, ", compared with %s.", name);
}

static void recommend(struct advice *advice, const struct comparison *comparison)
{
    const struct contender *baseline = compare_baseline(comparison);
    const struct contender *fast = pick(comparison, METRIC_WALL, METRIC_PEAK);
    const struct contender *small = pick(comparison, METRIC_PEAK, METRIC_WALL);
    const char *name = baseline->allocator.name;
    /* one is all that need be named, if the other is not better where it should be */
    bool is_fast_enough = fast && (!small || fast == small || order(fast, small, METRIC_PEAK) == 0);
    bool is_small_enough = small && (!fast || order(small, fast, METRIC_WALL) == 0);
    if (!fast && !small) {
        advice_add(advice,
                   "Recommendation: stay with %s: nothing is faster or smaller beyond noise.",
                   name);
    } else if (is_fast_enough) {
        recommend_one(advice, fast, baseline, METRIC_WALL);
    } else if (is_small_enough) {
        recommend_one(advice, small, baseline, METRIC_PEAK);
    } else {
        advice_add(advice, "Recommendation: %s where time matters (", fast->allocator.name);
        add_choice(advice, fast, baseline, METRIC_WALL);
        advice_add(advice, "), %s where memory does (", small->allocator.name);
        add_choice(advice, small, baseline, METRIC_PEAK);
        advice_add(advice, "), compared with %s.", name);
    }
    advice_end_line(advice);
}

static size_t fewest_runs(const struct comparison *comparison, size_t *alive)
{
    size_t fewest = SIZE_MAX;
    *alive = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        if (!is_alive(each))
            continue;
        ++*alive;
        fewest = each->runs < fewest ? each->runs : fewest;
    }
    return fewest;
}

/* Small differences of time are there all the same when the intervals are wide. */
static void warn_of_noise(struct advice *advice, const struct comparison *comparison)
{
    double share = 0;
    for (size_t i = 0; i < comparison->count; i++)
        if (is_alive(&comparison->contenders[i]))
            share = fmax(share,
                         interval_precision(&comparison->contenders[i].intervals[METRIC_WALL]));
    if (share <= comparison->precision)
        return;
    advice_add(
        advice,
        "Time is known to %.0f %% only, not to %.3g %%: more runs or a quieter machine may show "
        "smaller differences.",
        100 * share, 100 * comparison->precision);
    advice_end_line(advice);
}

void compare_advise(const struct comparison *comparison, struct advice *advice)
{
    size_t alive;
    size_t runs = fewest_runs(comparison, &alive);
    *advice = (struct advice){.count = 0};
    if (alive < 2) {
        advice_add(advice, "Nothing to compare: %s.",
                   alive ? "only one allocator has been measured"
                         : "no allocator has been measured");
        advice_end_line(advice);
        return;
    }
    if (runs < 2) {
        advice_add(advice,
                   "One run tells no difference from noise: give it more time (--time, --runs).");
        advice_end_line(advice);
        return;
    }
    warn_of_noise(advice, comparison);
    advise_on(advice, comparison, METRIC_WALL);
    advise_on(advice, comparison, METRIC_CPU);
    advise_on(advice, comparison, METRIC_PEAK);
    recommend(advice, comparison);
}

const char *compare_ending(const struct comparison *comparison)
{
    switch (comparison->ending) {
    case ENDED_PRECISE: return "wall time is known as well as was asked";
    case ENDED_TIME: return "the time was spent";
    case ENDED_ROUNDS: return "as many as were asked";
    case ENDED_INTERRUPTED: return "interrupted";
    default: return "all allocators failed";
    }
}
