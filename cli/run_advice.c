/* SPDX-License-Identifier: MIT */
/*
 * What stands out in a run, in plain words, each with what can be done. Called by run_page.c.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "run_report.h"

/* Terms in the order of stats_terms. */
enum { LIVE, THREADS, DEPOTS, PARTLY, PURGEABLE, METADATA, TABLES, OTHERS };
_Static_assert(OTHERS == TERM_COUNT - 1, "the terms' order is stats_terms's");

/* A term is worth a word from this share of the peak, and these bytes, on. */
#define LEAST_BYTES ((double)(1 << 20))
#define FREE_SHARE 0.10
#define OTHERS_SHARE 0.5
/* What stays at the end is worth one from this share of the RSS on. */
#define STAYS_SHARE 0.25
/* A fault with a fresh page costs a microsecond or so: this many are a tenth of the time. */
#define FAULTS_PER_SECOND 1e5

/* Purpose: what the sentences are about. */
struct subject {
    const struct run_report *report;
    const struct peak *peak;
    struct advice *advice;
};

static bool is_much(const struct subject *subject, unsigned term, double share)
{
    double bytes = (double)subject->peak->look.terms[term];
    return bytes >= LEAST_BYTES && bytes >= share * (double)subject->peak->look.rss;
}

/* "12.3 MiB, 24.1 % of the peak". */
static void add_amount(const struct subject *subject, unsigned term)
{
    uint64_t bytes = subject->peak->look.terms[term];
    advice_add(subject->advice, "%s, %s of the peak", text_of_size(bytes).bytes,
               text_of_percent((double)bytes, (double)subject->peak->look.rss).bytes);
}

/* ---- Size classes ---- */

static const struct class_terms *most_free(const struct heap_terms *terms)
{
    const struct class_terms *most = &terms->classes[CLASS_FIRST];
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        if (terms->classes[c].resident[BLOCK_FREE] > most->resident[BLOCK_FREE])
            most = &terms->classes[c];
    return most;
}

static void advise_partly(const struct subject *subject)
{
    const struct class_terms *most = most_free(&subject->peak->terms);
    uint64_t resident = run_resident(most);
    if (!is_much(subject, PARTLY, FREE_SHARE))
        return;
    add_amount(subject, PARTLY);
    advice_add(
        subject->advice,
        ", is free inside slabs that still hold a live block, most of it (%s) in the class "
        "of %" PRIu32 " bytes, of which %s is live. Blocks that live long beside ones that "
        "do not keep it from going back: a heap of their own (hak_heap_new) keeps them apart.",
        text_of_size(most->resident[BLOCK_FREE]).bytes, most->size,
        text_of_percent((double)most->resident[BLOCK_LIVE], (double)resident).bytes);
    advice_end_line(subject->advice);
}

/* ---- Caches and pages ---- */

static void advise_caches(const struct subject *subject)
{
    if (is_much(subject, THREADS, FREE_SHARE)) {
        add_amount(subject, THREADS);
        advice_add(subject->advice,
                   ", is cached in %zu threads: HAKMEM_THREAD_CACHE_MAX and "
                   "HAKMEM_CACHES_TOTAL_MAX bound that, at some cost in time.",
                   subject->peak->thread_count);
        advice_end_line(subject->advice);
    }
    if (is_much(subject, DEPOTS, FREE_SHARE)) {
        add_amount(subject, DEPOTS);
        advice_add(subject->advice,
                   ", is free in depots: blocks are freed in other threads than those that "
                   "allocate, or in bursts.");
        advice_end_line(subject->advice);
    }
    if (is_much(subject, PURGEABLE, FREE_SHARE)) {
        add_amount(subject, PURGEABLE);
        advice_add(
            subject->advice,
            ", is free and kept ready for reuse: with a smaller HAKMEM_DECAY_MS it goes back "
            "to the kernel sooner, at the cost of page faults.");
        advice_end_line(subject->advice);
    }
}

static void advise_others(const struct subject *subject)
{
    if (!is_much(subject, OTHERS, OTHERS_SHARE))
        return;
    add_amount(subject, OTHERS);
    advice_add(
        subject->advice,
        ", is not the heap's: code, stacks, static data, and what the program maps itself, as for "
        "an allocator of its own. "
        "Another malloc does not change that.");
    advice_end_line(subject->advice);
}

static void advise_faults(const struct subject *subject)
{
    const struct rusage *usage = &subject->report->outcome->usage;
    double user = (double)usage->ru_utime.tv_sec + (double)usage->ru_utime.tv_usec * 1e-6;
    double system = (double)usage->ru_stime.tv_sec + (double)usage->ru_stime.tv_usec * 1e-6;
    if ((double)usage->ru_minflt < FAULTS_PER_SECOND * (user + system) || user + system < 0.1)
        return;
    advice_add(
        subject->advice,
        "%ld page faults took a good part of the %.2f s of CPU time, of which %s went to the "
        "kernel. Where memory is freed and taken again all the time, a larger "
        "HAKMEM_DECAY_MS keeps it at hand.",
        usage->ru_minflt, user + system, text_of_percent(system, user + system).bytes);
    advice_end_line(subject->advice);
}

/* ---- Over time ---- */

static void advise_growth(const struct subject *subject)
{
    const struct sampler *sampler = subject->report->sampler;
    const struct look *last = &sampler->last;
    const struct look *middle = &sampler->looks[sampler->count / 2];
    uint64_t most = 0;
    if (sampler->count < 20)
        return;
    for (size_t i = 0; i < sampler->count; i++)
        if (sampler->looks[i].terms[LIVE] > most)
            most = sampler->looks[i].terms[LIVE];
    double end = (double)last->terms[LIVE];
    if (end < LEAST_BYTES || end < 0.95 * (double)most || (double)middle->terms[LIVE] > 0.7 * end)
        return;
    advice_add(subject->advice,
               "Live memory grew to the end: %s at half time, %s at the last look. If the program "
               "should have been done with it, it leaks.",
               text_of_size(middle->terms[LIVE]).bytes, text_of_size(last->terms[LIVE]).bytes);
    advice_end_line(subject->advice);
}

/* Memory that the program gave back after the peak, and that cannot go to the kernel. */
static void advise_ebb(const struct subject *subject)
{
    const struct look *last = &subject->report->sampler->last;
    uint64_t bytes = last->terms[PARTLY];
    bool is_ebb = last->terms[LIVE] < subject->peak->look.terms[LIVE] / 2;
    if (!is_ebb || (double)bytes < fmax(LEAST_BYTES, STAYS_SHARE * (double)last->rss))
        return;
    advice_add(
        subject->advice,
        "At the last look, with less than half of the peak's live memory, %s, %s of what was "
        "resident, was free inside slabs that still held a live block, and could not go back "
        "to the kernel.",
        text_of_size(bytes).bytes, text_of_percent((double)bytes, (double)last->rss).bytes);
    advice_end_line(subject->advice);
}

static void advise_peak(const struct subject *subject)
{
    const struct look *look = &subject->peak->look;
    uint64_t used = look->terms[LIVE];
    advice_add(
        subject->advice,
        "At the peak, %.1f s after the start, %s was resident: %s in blocks that the program "
        "held, %s of others than the heap, %s for what the allocator kept beside.",
        look->at, text_of_size(look->rss).bytes, text_of_size(used).bytes,
        text_of_size(look->terms[OTHERS]).bytes,
        text_of_size(look->rss - used - look->terms[OTHERS] > look->rss
                         ? 0
                         : look->rss - used - look->terms[OTHERS])
            .bytes);
    advice_end_line(subject->advice);
}

void run_advise(const struct run_report *report, struct advice *advice)
{
    const struct subject subject = {report, &report->sampler->peak, advice};
    *advice = (struct advice){.count = 0};
    if (report->sampler->made == 0) {
        advice_add(advice, "The heap was never seen: %s.",
                   report->sampler->error[0] && report->outcome->wall_seconds > 0.1
                       ? report->sampler->error
                       : "the program was too short for a look");
        advice_end_line(advice);
        return;
    }
    advise_peak(&subject);
    size_t before = advice->count;
    advise_growth(&subject);
    advise_ebb(&subject);
    advise_partly(&subject);
    advise_caches(&subject);
    advise_others(&subject);
    advise_faults(&subject);
    if (advice->count == before) {
        advice_add(advice, "Nothing stands out: most of the memory is what the program asked for.");
        advice_end_line(advice);
    }
}
