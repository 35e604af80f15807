/* SPDX-License-Identifier: MIT */
/*
 * Measures in rounds: each allocator runs once a round. The order shifts by one in each round, so
 * that a busy moment of the machine affects all alike. Ends when the intervals are narrow enough or
 * the time is spent.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/progress.h"
#include "compare/compare.h"

/* The first round only warms the caches, unless it takes more than this share of the time. */
#define WARM_UP_SHARE 0.25

/* Purpose: the state of the measurement. */
struct loop {
    struct comparison *comparison;
    double start;
    double round_start;
    bool is_warm_up;
};

/* The widest interval of wall time, as a share of its mean. */
static double widest(const struct comparison *comparison)
{
    double share = 0;
    for (size_t i = 0; i < comparison->count; i++)
        if (!comparison->contenders[i].failure[0])
            share = fmax(share,
                         interval_precision(&comparison->contenders[i].intervals[METRIC_WALL]));
    return share;
}

static size_t alive(const struct comparison *comparison)
{
    size_t count = 0;
    for (size_t i = 0; i < comparison->count; i++)
        count += !comparison->contenders[i].failure[0];
    return count;
}

/* ---- Progress ---- */

/* The share that is done: of the rounds that were asked for; or towards the nearer of two ends,
 * that of the time and that of the precision, which improves with the square root of the rounds. */
static double share_done(const struct loop *loop)
{
    const struct comparison *comparison = loop->comparison;
    double rounds = (double)comparison->rounds;
    if (comparison->rounds_asked)
        return rounds / (double)comparison->rounds_asked;
    double by_time = (clock_seconds() - loop->start) / comparison->time_limit;
    double ratio = widest(comparison) / comparison->precision;
    double needed = fmax(ROUNDS_LEAST, rounds * ratio * ratio);
    return comparison->rounds < 2 ? by_time : fmax(by_time, rounds / needed);
}

static void describe(const struct loop *loop, char *words, size_t size)
{
    const struct comparison *comparison = loop->comparison;
    double width = widest(comparison);
    int length = loop->is_warm_up ? snprintf(words, size, "warm-up")
                                  : snprintf(words, size, "round %zu", comparison->rounds + 1);
    if (!loop->is_warm_up && comparison->rounds >= 2 && isfinite(width))
        snprintf(words + length, size - (size_t)length,
                 ", wall time known to %.1f %% (wanted: %.1f %%)", 100 * width,
                 100 * comparison->precision);
}

static void show_run(const struct loop *loop, const struct contender *contender)
{
    char words[128];
    char all[192];
    describe(loop, words, sizeof words);
    snprintf(all, sizeof all, "%s, %s", words, contender->allocator.label);
    progress_draw(share_done(loop), all);
}

static void show_round(const struct loop *loop)
{
    const struct comparison *comparison = loop->comparison;
    double width = widest(comparison);
    if (progress_is_bar())
        return;
    if (loop->is_warm_up)
        fprintf(stderr, "hakmem compare: warm-up of %zu allocator%s: %.1f s\n", comparison->count,
                comparison->count == 1 ? "" : "s", clock_seconds() - loop->round_start);
    else if (isfinite(width))
        fprintf(stderr, "hakmem compare: round %zu: wall time to %.1f %%, %.1f s\n",
                comparison->rounds, 100 * width, clock_seconds() - loop->start);
    else
        fprintf(stderr, "hakmem compare: round %zu: %.1f s\n", comparison->rounds,
                clock_seconds() - loop->start);
}

/* ---- Runs ---- */

static void add_run(struct contender *contender, const struct run *run)
{
    size_t count = ++contender->runs;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        contender->values[i] = memory_resize(contender->values[i], count, sizeof(double));
        contender->values[i][count - 1] = run->values[i];
        contender->intervals[i] = interval_of(contender->values[i], count);
    }
}

static void forget_runs(struct contender *contender)
{
    contender->runs = 0;
    for (size_t i = 0; i < METRIC_COUNT; i++)
        contender->intervals[i] = interval_of(NULL, 0);
}

/* May another run begin? Not if it would probably end too late. The first round is always
 * complete. */
static bool has_time(const struct loop *loop, const struct contender *contender)
{
    const struct comparison *comparison = loop->comparison;
    if (comparison->rounds_asked || comparison->rounds == 0)
        return true;
    double end = clock_seconds() - loop->start + contender->intervals[METRIC_WALL].mean;
    return end <= comparison->time_limit;
}

static void end(struct comparison *comparison, enum ending ending, int number)
{
    comparison->ending = ending;
    comparison->signal = number;
}

/* Make one run; false if it was the last. A run of the program as it is shows which allocator it
 * uses. In the first run of the warm-up this may add rows and remove others. */
static bool run_contender(struct loop *loop, struct contender *contender)
{
    struct comparison *comparison = loop->comparison;
    struct run run;
    if (contender->failure[0])
        return true;
    if (!has_time(loop, contender)) {
        end(comparison, ENDED_TIME, 0);
        return false;
    }
    show_run(loop, contender);
    comparison->status = measure_run(&comparison->job, &contender->allocator, &run);
    if (comparison->status != EXIT_SUCCESS) {
        end(comparison, ENDED_FAILED, 0);
        return false;
    }
    if (run.state == RUN_INTERRUPTED) {
        end(comparison, ENDED_INTERRUPTED, run.signal);
        return false;
    }
    if (!contender->allocator.path) {
        compare_name_bare(comparison, &run.provider, loop->is_warm_up);
        contender = compare_bare(comparison); /* rows may have moved */
    }
    if (run.state == RUN_FAILED) {
        snprintf(contender->failure, sizeof contender->failure, "%s", run.failure);
        progress_clear();
        cli_fail(0, "hakmem compare: %s failed, and is left out: %s", contender->allocator.name,
                 contender->failure);
        return true;
    }
    add_run(contender, &run);
    return true;
}

/* The caches are warm now: forget the runs, unless they were long. */
static void end_warm_up(struct loop *loop)
{
    struct comparison *comparison = loop->comparison;
    if (clock_seconds() - loop->round_start > WARM_UP_SHARE * comparison->time_limit) {
        comparison->rounds = 1;
    } else {
        for (size_t i = 0; i < comparison->count; i++)
            forget_runs(&comparison->contenders[i]);
        loop->start = clock_seconds();
    }
    show_round(loop);
    loop->is_warm_up = false;
}

/* Will there be another round? */
static bool goes_on(struct loop *loop)
{
    struct comparison *comparison = loop->comparison;
    bool is_precise = comparison->rounds >= ROUNDS_LEAST &&
                      widest(comparison) <= comparison->precision;
    if (alive(comparison) == 0)
        end(comparison, ENDED_FAILED, 0);
    else if (comparison->rounds_asked && comparison->rounds >= comparison->rounds_asked)
        end(comparison, ENDED_ROUNDS, 0);
    else if (!comparison->rounds_asked && is_precise)
        end(comparison, ENDED_PRECISE, 0);
    else
        return true;
    return false;
}

/* Run row by row, from `first` on; in the warm-up without the program as it is, which has run
 * already. False if that was all. */
static bool run_round(struct loop *loop, size_t first)
{
    const struct comparison *comparison = loop->comparison;
    bool is_on = true;
    for (size_t i = 0; is_on && i < comparison->count; i++) {
        struct contender *each = &comparison->contenders[(first + i) % comparison->count];
        bool has_run = loop->is_warm_up && !each->allocator.path;
        is_on = has_run || run_contender(loop, each);
    }
    return is_on;
}

static void end_round(struct loop *loop)
{
    if (loop->is_warm_up) {
        end_warm_up(loop);
    } else {
        loop->comparison->rounds++;
        show_round(loop);
    }
}

void compare_measure(struct comparison *comparison)
{
    double begin = clock_seconds();
    struct loop loop = {comparison, begin, begin, true};
    struct contender *bare = compare_bare(comparison);
    bool is_on = !bare || run_contender(&loop, bare);
    for (size_t first = 0; is_on && run_round(&loop, first); first++) {
        end_round(&loop);
        is_on = goes_on(&loop);
        loop.round_start = clock_seconds();
    }
    comparison->seconds = clock_seconds() - begin;
    progress_clear();
}
