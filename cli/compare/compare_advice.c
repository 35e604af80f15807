/* SPDX-License-Identifier: MIT */
/*
 * The decision on a comparison, in plain words: a line on each metric, and the recommendation. All
 * of it comes from one decision, so no sentence contradicts another or the tables.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "compare/compare.h"

static double mean(const struct contender *contender, enum metric metric)
{
    return contender->intervals[metric].mean;
}

/* ---- Words ---- */

/* "12 % less", "3.4 % more", "2.5 times as much": a compared with b. */
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
    return metric == METRIC_WALL ? "wall time" : metric == METRIC_CPU ? "CPU time" : "peak memory";
}

static struct short_text text_of_noise(double noise)
{
    struct short_text text;
    if (isfinite(noise))
        snprintf(text.bytes, sizeof text.bytes, "%.*f %%", noise < 0.0995 ? 1 : 0, 100 * noise);
    else
        snprintf(text.bytes, sizeof text.bytes, "without bounds");
    return text;
}

/* The text before item `index` of `count`: ", " or " and ". */
static const char *separator(size_t index, size_t count)
{
    return index == 0 ? "" : index + 1 < count ? ", " : " and ";
}

/* Add the names of a set of metrics: "wall time and CPU time". Returns their number. */
static size_t add_nouns(struct advice *advice, const bool set[CRITERIA])
{
    size_t count = 0;
    size_t index = 0;
    for (enum metric metric = 0; metric < CRITERIA; metric++)
        count += set[metric];
    for (enum metric metric = 0; metric < CRITERIA; metric++)
        if (set[metric])
            advice_add(advice, "%s%s", separator(index++, count), noun(metric));
    return count;
}

/* ---- A line on each metric ---- */

/* The next contender after `last` by its mean (NULL: the first), among those that are best or those
 * that are not. Equal ones keep the order of the table. */
static const struct contender *next_listed(const struct comparison *comparison,
                                           const struct contender *last, enum metric metric,
                                           bool wants_best)
{
    const struct contender *next = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct contender *each = &comparison->contenders[i];
        bool is_behind = !last || mean(each, metric) > mean(last, metric) ||
                         (mean(each, metric) == mean(last, metric) && each > last);
        if (is_behind && compare_is_alive(each) &&
            compare_is_best(comparison, each, metric) == wants_best &&
            (!next || mean(each, metric) < mean(next, metric)))
            next = each;
    }
    return next;
}

/* Add the names of the best. Returns their number. */
static size_t add_best(struct advice *advice, const struct comparison *comparison,
                       enum metric metric)
{
    const struct contender *each = next_listed(comparison, NULL, metric, true);
    size_t count = 0;
    for (; each; count++) {
        const struct contender *next = next_listed(comparison, each, metric, true);
        advice_add(advice, "%s%s", count == 0 ? "" : next ? ", " : " and ", each->allocator.name);
        each = next;
    }
    return count;
}

/* Add the names of the others, and their distance from one that is better beyond noise: usually the
 * first that was named. */
static void add_others(struct advice *advice, const struct comparison *comparison,
                       enum metric metric)
{
    const struct contender *first = next_listed(comparison, NULL, metric, true);
    const struct contender *each = next_listed(comparison, NULL, metric, false);
    for (size_t count = 0; each; count++) {
        const struct contender *next = next_listed(comparison, each, metric, false);
        const struct contender *better = compare_better(comparison, each, metric);
        advice_add(advice, "%s%s (%s",
                   count == 0 ? ""
                   : next     ? ", "
                              : " and ",
                   each->allocator.name, difference(each, better, metric).bytes);
        if (better != first)
            advice_add(advice, " than %s", better->allocator.name);
        advice_add(advice, ")");
        each = next;
    }
}

static void add_ranking(struct advice *advice, const struct comparison *comparison,
                        const struct decision *decision, enum metric metric)
{
    const struct contender *baseline = decision->baseline;
    const struct contender *first = next_listed(comparison, NULL, metric, true);
    const struct contender *better = compare_better(comparison, baseline, metric);
    size_t count = add_best(advice, comparison, metric);
    advice_add(advice,
               count == 1 ? " needs least" : " need least, without a difference beyond noise");
    if (better)
        advice_add(advice, "%s%s, %s than %s", better == first ? "" : "; ",
                   better == first ? "" : better->allocator.name,
                   difference(better, baseline, metric).bytes, baseline->allocator.name);
    advice_add(advice, "; then ");
    add_others(advice, comparison, metric);
    advice_add(advice, ".");
    if (decision->noise[metric] > 0)
        advice_add(advice, " The noise, up to %s, hides smaller differences.",
                   text_of_noise(decision->noise[metric]).bytes);
}

static void add_metric(struct advice *advice, const struct comparison *comparison,
                       const struct decision *decision, enum metric metric)
{
    advice_add(advice, "%c%s: ", toupper(noun(metric)[0]), noun(metric) + 1);
    if (next_listed(comparison, NULL, metric, false))
        add_ranking(advice, comparison, decision, metric);
    else if (decision->noise[metric] > 0)
        advice_add(advice, "not known: the noise, %s, is larger than any difference.",
                   text_of_noise(decision->noise[metric]).bytes);
    else
        advice_add(advice, "no difference beyond noise.");
    advice_end_line(advice);
}

/* ---- The recommendation ---- */

/* Find the metrics in which a pick has this relation to the baseline. Returns their number. */
static size_t find_related(const struct comparison *comparison, const struct pick *pick,
                           const struct contender *baseline, enum relation relation,
                           bool set[CRITERIA])
{
    size_t count = 0;
    for (enum metric metric = 0; metric < CRITERIA; metric++) {
        set[metric] = compare_relation(comparison, pick->contender, baseline, metric) == relation;
        count += set[metric];
    }
    return count;
}

/* Add the metrics that are less, or those that are more: ", 20 % less wall time, 3.0 % less peak
 * memory". The first of all has no comma. */
static void add_differences(struct advice *advice, const struct pick *pick,
                            const struct contender *baseline, const bool set[CRITERIA],
                            bool *is_first)
{
    for (enum metric metric = 0; metric < CRITERIA; metric++) {
        if (!set[metric])
            continue;
        advice_add(advice, "%s%s %s", *is_first ? "" : ", ",
                   difference(pick->contender, baseline, metric).bytes, noun(metric));
        *is_first = false;
    }
}

/* Compare a pick with the baseline: its gains come first. */
static void add_relations(struct advice *advice, const struct comparison *comparison,
                          const struct pick *pick, const struct contender *baseline)
{
    bool set[CRITERIA];
    bool is_first = true;
    if (find_related(comparison, pick, baseline, RELATION_LESS, set))
        add_differences(advice, pick, baseline, set, &is_first);
    if (find_related(comparison, pick, baseline, RELATION_MORE, set))
        add_differences(advice, pick, baseline, set, &is_first);
    if (find_related(comparison, pick, baseline, RELATION_SAME, set)) {
        advice_add(advice, ", no difference in ");
        add_nouns(advice, set);
    }
    if (find_related(comparison, pick, baseline, RELATION_UNKNOWN, set)) {
        advice_add(advice, ", ");
        add_nouns(advice, set);
        advice_add(advice, " not known");
    }
}

/* If something about a pick is not known, say how it could be known. */
static void add_runs(struct advice *advice, const struct comparison *comparison,
                     const struct decision *decision)
{
    bool is_known = true;
    for (size_t i = 0; i < decision->pick_count; i++)
        for (enum metric metric = 0; metric < CRITERIA; metric++)
            is_known = is_known && compare_relation(comparison, decision->picks[i].contender,
                                                    decision->baseline, metric) != RELATION_UNKNOWN;
    if (!is_known && decision->runs_wanted)
        advice_add(advice, " More runs may tell more (--runs %zu).", decision->runs_wanted);
    else if (!is_known)
        advice_add(advice, " A quieter machine may tell more.");
}

/* Describe the only pick. In some metric the baseline may still be better: then the reader must
 * choose. */
static void add_one(struct advice *advice, const struct comparison *comparison,
                    const struct decision *decision)
{
    const struct pick *pick = &decision->picks[0];
    const char *name = decision->baseline->allocator.name;
    bool is_against[CRITERIA];
    bool is_mixed = false;
    for (enum metric metric = 0; metric < CRITERIA; metric++) {
        is_against[metric] = compare_relation(comparison, pick->contender, decision->baseline,
                                              metric) >= RELATION_MORE;
        is_mixed = is_mixed || is_against[metric];
    }
    advice_add(advice, "Recommendation: %s", pick->contender->allocator.name);
    if (is_mixed) {
        advice_add(advice, " where ");
        size_t count = add_nouns(advice, pick->is_for);
        advice_add(advice, " %s more than ", count == 1 ? "matters" : "matter");
        add_nouns(advice, is_against);
        advice_add(advice, ", else %s", name);
    }
    advice_add(advice, ": ");
    add_relations(advice, comparison, pick, decision->baseline);
    advice_add(advice, ", compared with %s.", name);
    add_runs(advice, comparison, decision);
}

static void add_several(struct advice *advice, const struct comparison *comparison,
                        const struct decision *decision)
{
    advice_add(advice, "Recommendation: ");
    for (size_t i = 0; i < decision->pick_count; i++) {
        const struct pick *pick = &decision->picks[i];
        advice_add(advice, "%s%s where ", i ? ", " : "", pick->contender->allocator.name);
        size_t count = add_nouns(advice, pick->is_for);
        advice_add(advice, " %s (", count == 1 ? "matters" : "matter");
        add_relations(advice, comparison, pick, decision->baseline);
        advice_add(advice, ")");
    }
    advice_add(advice, ", compared with %s.", decision->baseline->allocator.name);
    add_runs(advice, comparison, decision);
}

/* "7.4 % less peak memory than hakmem", "2.5 to 33 % less peak memory than the others". */
static void add_lead(struct advice *advice, const struct lead *lead, enum metric metric)
{
    struct short_text least = text_of_noise(lead->least);
    struct short_text most = text_of_noise(lead->most);
    if (strcmp(least.bytes, most.bytes) != 0)
        advice_add(advice, "%.*s to ", (int)strcspn(least.bytes, " "), least.bytes);
    advice_add(advice, "%s less %s than ", most.bytes, noun(metric));
    if (lead->count == 1)
        advice_add(advice, "%s", lead->last->allocator.name);
    else if (lead->has_rival)
        advice_add(advice, "%zu of the others", lead->count);
    else
        advice_add(advice, "the others");
}

/* Say in which metrics the baseline is known to need less. */
static void add_known(struct advice *advice, const struct comparison *comparison,
                      const struct decision *decision)
{
    size_t count = 0;
    for (enum metric metric = 0; metric < CRITERIA; metric++) {
        struct lead lead = compare_lead(comparison, decision->baseline, metric);
        if (lead.count == 0)
            continue;
        if (count++ == 0)
            advice_add(advice, " What is known: %s needs ", decision->baseline->allocator.name);
        else
            advice_add(advice, ", ");
        add_lead(advice, &lead, metric);
    }
    if (count > 0)
        advice_add(advice, ".");
}

/* Say what the noise may hide, and how many runs would show it. */
static void add_unknown(struct advice *advice, const struct comparison *comparison,
                        const struct decision *decision)
{
    size_t count = 0;
    size_t index = 0;
    for (enum metric metric = 0; metric < CRITERIA; metric++)
        count += decision->noise[metric] > 0;
    advice_add(advice, "No recommendation: nothing is known to be better than %s. The noise in ",
               decision->baseline->allocator.name);
    for (enum metric metric = 0; metric < CRITERIA; metric++)
        if (decision->noise[metric] > 0)
            advice_add(advice, "%s%s (%s)", separator(index++, count), noun(metric),
                       text_of_noise(decision->noise[metric]).bytes);
    advice_add(advice, " is larger than the differences: ");
    if (decision->runs_wanted)
        advice_add(advice, "run more (--runs %zu), or on a quieter machine.",
                   decision->runs_wanted);
    else
        advice_add(advice, "a quieter machine may show more.");
    add_known(advice, comparison, decision);
}

static void add_stay(struct advice *advice, const struct decision *decision)
{
    const char *name = decision->baseline->allocator.name;
    advice_add(advice,
               "Recommendation: stay with %s: nothing needs less wall time, CPU time or peak "
               "memory beyond noise.",
               name);
}

static void add_recommendation(struct advice *advice, const struct comparison *comparison,
                               const struct decision *decision)
{
    if (decision->verdict == VERDICT_UNKNOWN)
        add_unknown(advice, comparison, decision);
    else if (decision->verdict == VERDICT_STAY)
        add_stay(advice, decision);
    else if (decision->pick_count == 1)
        add_one(advice, comparison, decision);
    else
        add_several(advice, comparison, decision);
    advice_end_line(advice);
}

void compare_advise(const struct comparison *comparison, struct advice *advice)
{
    struct decision decision;
    compare_decide(comparison, &decision);
    *advice = (struct advice){.count = 0};
    if (decision.verdict == VERDICT_NOTHING) {
        advice_add(advice, "Nothing to compare: %s.",
                   decision.baseline ? "only one allocator has been measured"
                                     : "no allocator has been measured");
        advice_end_line(advice);
        return;
    }
    if (decision.verdict == VERDICT_ONE_RUN) {
        advice_add(advice,
                   "One run tells no difference from noise: give it more time (--time, --runs).");
        advice_end_line(advice);
        return;
    }
    for (enum metric metric = 0; metric < CRITERIA; metric++)
        add_metric(advice, comparison, &decision, metric);
    add_recommendation(advice, comparison, &decision);
}

const char *compare_ending(const struct comparison *comparison)
{
    switch (comparison->ending) {
    case ENDED_PRECISE: return "wall time is known as precisely as asked";
    case ENDED_TIME: return "the time was spent";
    case ENDED_ROUNDS: return "as many as asked for";
    case ENDED_INTERRUPTED: return "interrupted";
    default: return "all allocators failed";
    }
}
