/* SPDX-License-Identifier: MIT */
/*
 * Reads the heap of a running program. No code runs in it, so its heap may change while it is read.
 * A look is left out if it fails, if the process ended during it, or if its figures do not add up
 * to a value that the RSS had meanwhile.
 */
#include "run/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "heap/copy.h"
#include "heap/process.h"
#include "program/process_tree.h"

/* A look is tried this many times. */
#define TRIES 3
/* When the whole heap is kept again. It is when the RSS has grown by PEAK_STEP since it was last
 * kept. On a long plateau, within PEAK_RANGE of the largest RSS, the moment with most live memory
 * is the most useful, and of equal ones the last: so it is kept again if it has PEAK_STEP more live
 * memory, or hardly less and is PEAK_AGE times as old. All of these happen more and more seldom. */
#define PEAK_STEP 1.02
#define PEAK_RANGE 0.99
#define PEAK_AGE 1.25
void sampler_begin(struct sampler *sampler, double start)
{
    memset(sampler, 0, sizeof *sampler);
    sampler->per_look = 1;
    sampler->start = start;
}

static void forget_peak(struct peak *peak)
{
    free(peak->map.rows);
    free(peak->threads);
    peak->map = (struct map){0};
    peak->threads = NULL;
}

void sampler_end(struct sampler *sampler)
{
    forget_peak(&sampler->peak);
    stack_looks_free(&sampler->stacks);
}

/* ---- Looks ---- */

/* Keep one of each two looks: the one with more memory, so a peak is never lost. */
static void halve(struct sampler *sampler)
{
    for (size_t i = 0; i < LOOKS_MOST / 2; i++) {
        const struct look *pair = &sampler->looks[2 * i];
        sampler->looks[i] = pair[1].rss > pair[0].rss ? pair[1] : pair[0];
    }
    sampler->count = LOOKS_MOST / 2;
    sampler->per_look *= 2;
}

static void keep(struct sampler *sampler, const struct look *look)
{
    if (sampler->in_last == 0) {
        if (sampler->count == LOOKS_MOST)
            halve(sampler);
        sampler->looks[sampler->count++] = *look;
    } else if (look->rss > sampler->looks[sampler->count - 1].rss) {
        sampler->looks[sampler->count - 1] = *look;
    }
    sampler->in_last = (sampler->in_last + 1) % sampler->per_look;
    sampler->last = *look;
}

static void keep_peak(struct sampler *sampler, const struct look *look,
                      const struct heap_view *view, const struct heap_terms *terms)
{
    struct peak *peak = &sampler->peak;
    size_t size = view->thread_count * sizeof *view->threads;
    forget_peak(peak);
    peak->look = *look;
    peak->terms = *terms;
    peak->live = 0;
    peak->blocks = 0;
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        peak->live += terms->lanes[lane].bytes[BLOCK_LIVE];
        peak->blocks += terms->lanes[lane].blocks[BLOCK_LIVE];
    }
    map_make(view, &peak->map);
    peak->thread_count = view->thread_count;
    peak->threads = memory_resize(NULL, view->thread_count ? view->thread_count : 1,
                                  sizeof *peak->threads);
    if (size)
        memcpy(peak->threads, view->threads, size);
}

static bool is_peak(struct sampler *sampler, const struct look *look)
{
    const struct look *peak = &sampler->peak.look;
    double rss = (double)look->rss;
    double live = (double)look->terms[0];
    double kept = (double)peak->terms[0];
    if (look->rss > sampler->most)
        sampler->most = look->rss;
    if (sampler->made == 0 || rss > PEAK_STEP * (double)peak->rss)
        return true;
    return rss >= PEAK_RANGE * (double)sampler->most &&
           (live > PEAK_STEP * kept ||
            (live >= PEAK_RANGE * kept && (look->is_at_exit || look->at > PEAK_AGE * peak->at)));
}

static struct class_bytes class_bytes_of(const struct row_figures *figures)
{
    double share = figures->extents
                       ? fmin(1, (double)figures->blocks[BLOCK_LIVE] / (double)figures->extents)
                       : 0;
    return (struct class_bytes){
        .live = figures->bytes[BLOCK_LIVE],
        .pinned = (uint64_t)(share * (double)figures->bytes[BLOCK_FREE]),
    };
}

static void keep_look(struct sampler *sampler, const struct look *look,
                      const struct heap_view *view, const struct heap_terms *terms)
{
    if (is_peak(sampler, look))
        keep_peak(sampler, look, view, terms);
    keep(sampler, look);
    sampler->made++;
    sampler->settings = view->settings;
    memcpy(sampler->fb_counts, view->fb_counts, sizeof sampler->fb_counts);
    memcpy(sampler->traffic, view->traffic, sizeof sampler->traffic);
}

enum look_result {
    LOOK_NONE, /* there is no heap: ->error has the reason, unless the process has ended */
    LOOK_TORN, /* the process ended, or changed too fast */
    LOOK_GOOD
};

static enum look_result look_at_heap(struct sampler *sampler, struct heap_view *view,
                                     bool is_at_exit)
{
    static struct heap_terms terms;
    struct process_figures after;
    struct term rows[TERM_COUNT];
    if (!heap_terms_count(view, &terms) || terms.unexplained != 0 ||
        !process_figures(view->target->pid, &after))
        return LOOK_TORN;
    struct look look = {.at = clock_seconds() - sampler->start,
                        .is_at_exit = is_at_exit,
                        .rss = terms.rss,
                        .purged = view->purged_bytes};
    stats_terms(&terms, rows);
    for (size_t i = 0; i < TERM_COUNT; i++)
        look.terms[i] = rows[i].bytes;
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        look.classes[c] = class_bytes_of(&terms.classes[c]);
    look.classes[CLASS_HUGE] = class_bytes_of(&terms.lanes[HAK_LANE_HUGE]);
    look.minor_faults = after.minor_faults;
    look.major_faults = after.major_faults;
    look.threads = (uint64_t)after.threads;
    keep_look(sampler, &look, view, &terms);
    return LOOK_GOOD;
}

static void note_error(struct sampler *sampler, const char *why)
{
    snprintf(sampler->error, sizeof sampler->error, "%s", why);
}

static enum look_result look_once(struct sampler *sampler, pid_t pid, bool is_at_exit)
{
    struct target target = {.is_refused = false};
    struct heap_view view;
    enum look_result result = LOOK_NONE;
    if (!target_open_process(&target, pid)) {
        if (target.is_refused)
            note_error(sampler, target.error);
        return LOOK_NONE;
    }
    if (!heap_view_open(&view, &target)) {
        if (!target.is_gone)
            note_error(sampler, target.error);
    } else {
        if (view.is_empty)
            note_error(sampler, "the program did not use it (is HAKMEM_FORCE_LIBC_ALLOC set?)");
        else
            result = look_at_heap(sampler, &view, is_at_exit);
        if (result == LOOK_GOOD)
            stack_looks_add(&sampler->stacks, &view, sampler->last.at, is_at_exit);
        heap_view_close(&view);
    }
    target_close(&target);
    return result;
}

bool sampler_look(struct sampler *sampler, pid_t pid, bool is_at_exit)
{
    enum look_result result = LOOK_TORN;
    for (unsigned i = 0; i < TRIES && result == LOOK_TORN; i++)
        result = look_once(sampler, pid, is_at_exit);
    return result == LOOK_GOOD;
}
