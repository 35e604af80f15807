/* SPDX-License-Identifier: MIT */
/*
 * The conclusions on a run: the peak in one sentence, and the advice of heap_advice.c on the
 * figures of the looks.
 */
#include <stdlib.h>

#include "run/run_report.h"
#include "run/stack_growth.h"

/* Terms in the order of stats_terms. */
enum { LIVE, THREADS, DEPOTS, PARTLY, PURGEABLE, METADATA, TABLES, OTHERS };
_Static_assert(OTHERS == TERM_COUNT - 1, "the terms' order is stats_terms's");

static struct moment moment_of(const struct look *look)
{
    uint64_t pinned = 0;
    for (unsigned c = CLASS_FIRST; c <= CLASS_HUGE; c++)
        pinned += look->classes[c].pinned;
    return (struct moment){
        .at = look->at,
        .rss = look->rss,
        .live = look->terms[LIVE],
        .cached = look->terms[THREADS],
        .pinned = pinned,
        .purgeable = look->terms[PURGEABLE],
        .others = look->terms[OTHERS],
        .classes = look->classes,
    };
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

/* Find all looks but the one at the exit: the program has freed its memory by then, so that look
 * says nothing about its life. Returns their number. */
static size_t find_moments(const struct sampler *sampler, struct moment *moments)
{
    size_t count = 0;
    for (size_t i = 0; i < sampler->count; i++)
        if (!sampler->looks[i].is_at_exit)
            moments[count++] = moment_of(&sampler->looks[i]);
    /* a kept look may stand for several, and may not be the last of them */
    if (count == 0 || (!sampler->last.is_at_exit && sampler->last.at > moments[count - 1].at))
        moments[count++] = moment_of(&sampler->last);
    return count;
}

static void advise_on_heap(const struct run_report *report, struct advice *advice)
{
    static struct moment moments[LOOKS_MOST + 1];
    const struct sampler *sampler = report->sampler;
    const struct rusage *usage = &report->outcome->usage;
    const struct heap_facts facts = {
        .moments = moments,
        .count = find_moments(sampler, moments),
        .peak = moment_of(&sampler->peak.look),
        .threads = sampler->peak.thread_count,
        .faults = (uint64_t)usage->ru_minflt,
        .purged = sampler->last.purged,
        .user_seconds = seconds_of(usage->ru_utime),
        .system_seconds = seconds_of(usage->ru_stime),
        .decay_ms = sampler->settings.decay_ms,
        .has_helper = sampler->settings.background == CHOICE_YES,
        .limit = sampler->settings.limit,
        .caches_total_max = (uint64_t)sampler->settings.caches_total_max,
    };
    heap_advise(&facts, advice);
}

/* The largest term of memory that neither the program nor others hold. */
static unsigned largest_kept(const struct look *look)
{
    unsigned most = THREADS;
    for (unsigned i = THREADS; i < OTHERS; i++)
        if (look->terms[i] > look->terms[most])
            most = i;
    return most;
}

/* Say that there is nothing to do. */
static void advise_nothing(const struct run_report *report, struct advice *advice)
{
    static const char *const names[OTHERS] = {
        [THREADS] = "cached in threads",        [DEPOTS] = "cached in depots",
        [PARTLY] = "free in partly used slabs", [PURGEABLE] = "free and kept for reuse",
        [METADATA] = "the allocator's records", [TABLES] = "the allocator's tables",
    };
    const struct look *look = &report->sampler->peak.look;
    unsigned kept = largest_kept(look);
    advice_add(advice,
               "Nothing stands out: at the peak, %s of what was resident was in blocks that the "
               "program held, %s was not the heap's, and most of the rest, %s, was %s.",
               text_of_percent((double)look->terms[LIVE], (double)look->rss).bytes,
               text_of_percent((double)look->terms[OTHERS], (double)look->rss).bytes,
               text_of_percent((double)look->terms[kept], (double)look->rss).bytes, names[kept]);
    advice_end_line(advice);
}

void run_advise(const struct run_report *report, struct advice *advice)
{
    *advice = (struct advice){.count = 0};
    if (report->sampler->made == 0)
        return;
    advise_on_heap(report, advice);
    stack_growth_advise(&report->sampler->stacks, advice);
    if (advice->count == 0)
        advise_nothing(report, advice);
}
