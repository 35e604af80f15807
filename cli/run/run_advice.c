/* SPDX-License-Identifier: MIT */
/*
 * What stands out in a run: the peak in one sentence, and the advice that heap_advice.c gives on
 * the figures of the looks. Called by run_page.c.
 */
#include <stdlib.h>

#include "run/run_report.h"

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

static void advise_on_heap(const struct run_report *report, struct advice *advice)
{
    static struct moment moments[LOOKS_MOST + 1];
    const struct sampler *sampler = report->sampler;
    const struct rusage *usage = &report->outcome->usage;
    for (size_t i = 0; i < sampler->count; i++)
        moments[i] = moment_of(&sampler->looks[i]);
    /* a look that is kept may stand for several, of which the last is not the one */
    moments[sampler->count] = moment_of(&sampler->last);
    const struct heap_facts facts = {
        .moments = moments,
        .count = sampler->count + 1,
        .peak = moment_of(&sampler->peak.look),
        .threads = sampler->peak.thread_count,
        .faults = (uint64_t)usage->ru_minflt,
        .purged = sampler->last.purged,
        .user_seconds = seconds_of(usage->ru_utime),
        .system_seconds = seconds_of(usage->ru_stime),
        .decay_ms = sampler->settings.decay_ms,
        .limit = sampler->settings.limit,
        .caches_total_max = (uint64_t)sampler->settings.caches_total_max,
    };
    heap_advise(&facts, advice);
}

/* What there is to say when there is nothing to do. */
static void advise_nothing(const struct run_report *report, struct advice *advice)
{
    const struct look *look = &report->sampler->peak.look;
    advice_add(advice,
               "Nothing stands out: at the peak, %s of what was resident was in blocks that the "
               "program held, %s was not the heap's.",
               text_of_percent((double)look->terms[LIVE], (double)look->rss).bytes,
               text_of_percent((double)look->terms[OTHERS], (double)look->rss).bytes);
    advice_end_line(advice);
}

void run_advise(const struct run_report *report, struct advice *advice)
{
    *advice = (struct advice){.count = 0};
    if (report->sampler->made == 0)
        return;
    advise_on_heap(report, advice);
    if (advice->count == 0)
        advise_nothing(report, advice);
}
