/* SPDX-License-Identifier: MIT */
/*
 * Looks at a running program's heap. Nothing runs in it: what is seen may change meanwhile, and a
 * look that fails, as while a program starts and ends, is left out. Called by run.c; calls
 * target.c, heap_view.c, heap_terms.c and map.c.
 */
#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "process_tree.h"
#include "progress.h"

/* The first looks come soon, for short programs; then there are LOOK_MS between two, or as much as
 * a look took, at a heap so large that this is more. */
#define FIRST_MS 2
#define LOOK_MS 50
/* All of a heap is kept anew when its RSS has grown by PEAK_STEP since it was last kept. Of a long
 * plateau, within PEAK_RANGE of the most, the moment with most live memory tells most, and of such
 * ones the last: there it is kept anew when it has PEAK_STEP more live memory, or hardly less and
 * is PEAK_AGE times as old. All of these happen ever more seldom. */
#define PEAK_STEP 1.02
#define PEAK_RANGE 0.99
#define PEAK_AGE 1.25
/* Progress: a terminal's line is drawn anew, or a line is written. */
#define DRAW_SECONDS 0.2
#define LINE_SECONDS 10.0

void sampler_begin(struct sampler *sampler)
{
    memset(sampler, 0, sizeof *sampler);
    sampler->per_look = 1;
    sampler->start = program_clock();
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
}

/* ---- Looks ---- */

/* Of each two, the one that saw more; a peak is never lost. */
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
    map_make(view, &peak->map);
    peak->thread_count = view->thread_count;
    peak->threads = target_resize(NULL, view->thread_count ? view->thread_count : 1,
                                  sizeof *peak->threads);
    if (size)
        memcpy(peak->threads, view->threads, size);
}

/* Faults and threads: fields 10, 12 and 20 of proc_pid_stat(5). */
static void read_kernel(struct look *look, pid_t pid)
{
    char path[32];
    char text[1024] = "";
    unsigned long minor = 0;
    unsigned long major = 0;
    long threads = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "re");
    if (!in)
        return;
    size_t length = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[length] = '\0';
    const char *after = strrchr(text, ')');
    if (after && sscanf(after + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu %*u %*u %*u %*d %*d "
                        "%*d %*d %ld",
                        &minor, &major, &threads) == 3) {
        look->minor_faults = minor;
        look->major_faults = major;
        look->threads = (uint64_t)threads;
    }
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
            (live >= PEAK_RANGE * kept && look->at > PEAK_AGE * peak->at));
}

static void look_at_heap(struct sampler *sampler, struct target *target, struct heap_view *view)
{
    static struct heap_terms terms;
    struct term rows[TERM_COUNT];
    struct look look = {.purged = view->purged_bytes};
    heap_terms_count(view, &terms);
    if (terms.rss == 0) /* it has just ended */
        return;
    stats_terms(&terms, rows);
    for (size_t i = 0; i < TERM_COUNT; i++)
        look.terms[i] = rows[i].bytes;
    look.rss = terms.rss;
    read_kernel(&look, target->pid);
    look.at = program_clock() - sampler->start;
    if (is_peak(sampler, &look))
        keep_peak(sampler, &look, view, &terms);
    keep(sampler, &look);
    sampler->made++;
    sampler->settings = view->settings;
    memcpy(sampler->fb_counts, view->fb_counts, sizeof sampler->fb_counts);
    memcpy(sampler->traffic, view->traffic, sizeof sampler->traffic);
}

static void look(struct sampler *sampler, pid_t pid)
{
    struct target target;
    struct heap_view view;
    bool is_open = target_open_process(&target, pid);
    if (is_open && heap_view_open(&view, &target)) {
        if (view.is_empty)
            snprintf(sampler->error, sizeof sampler->error, "%s",
                     "the program did not use it (is HAKMEM_FORCE_LIBC_ALLOC set?)");
        else
            look_at_heap(sampler, &target, &view);
        heap_view_close(&view);
    } else {
        memcpy(sampler->error, target.error, sizeof sampler->error);
    }
    if (is_open)
        target_close(&target);
}

/* ---- Progress ---- */

static void show_progress(struct sampler *sampler, double now)
{
    const struct look *last = &sampler->last;
    double wait = progress_is_bar() ? DRAW_SECONDS : LINE_SECONDS;
    char words[128];
    if (now - sampler->last_words < wait)
        return;
    sampler->last_words = now;
    snprintf(words, sizeof words, "%.1f s: RSS %s, live %s, %llu thread%s", now,
             text_of_size(last->rss).bytes, text_of_size(last->terms[0]).bytes,
             (unsigned long long)last->threads, last->threads == 1 ? "" : "s");
    progress_say("hakmem run", words);
}

unsigned sampler_look(void *state, pid_t pid)
{
    static struct process_tree tree;
    struct sampler *sampler = state;
    double begin = program_clock();
    look(sampler, pid);
    tree_refresh(&tree, pid);
    if (tree.count - 1 > sampler->children)
        sampler->children = tree.count - 1;
    double now = program_clock();
    sampler->cost = now - begin;
    show_progress(sampler, now - sampler->start);
    double wait_most_ms = fmax(LOOK_MS, 1000 * sampler->cost);
    double age_ms = 1000 * (now - sampler->start);
    return (unsigned)fmin(wait_most_ms, fmax(FIRST_MS, age_ms / 4));
}
