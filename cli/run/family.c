/* SPDX-License-Identifier: MIT */
/*
 * A program and its descendants while they run. Each round finds them in /proc: a process that
 * lives only between two rounds is missed, unless it leaves a report or connects to the socket.
 * Each round reads the heaps of the few largest from outside.
 */
#include "run/family.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "program/process_tree.h"
#include "program/report_directory.h"

/* The first rounds come soon, for short programs. Later the time between two rounds is ROUND_MS, or
 * as long as the last round took if that is more. */
#define FIRST_MS 2
#define ROUND_MS 50
/* Each round reads at most LOOKED_MOST heaps. What the looks have seen is kept only for the
 * SAMPLERS_MOST largest members. */
#define LOOKED_MOST ((size_t)4)
#define SAMPLERS_MOST ((size_t)8)
/* Two figures of the kernel about one process count as the same if they differ by no more than
 * this. */
#define SAME_BYTES ((uint64_t)1 << 20)
/* If the peak of a member is larger than the program's own by this factor, the page is about that
 * member. */
#define LARGER 1.02
/* Progress: the time between two lines, or two redraws of the terminal's line. */
#define DRAW_SECONDS 0.2
#define LINE_SECONDS 10.0

void family_begin(struct family *family, const char *command, bool is_watched)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    *family = (struct family){.command = command,
                              .is_watched = is_watched,
                              .start = clock_seconds(),
                              .least = (uint64_t)usage.ru_maxrss * 1024};
}

static void forget_sampler(struct member *member)
{
    if (member->sampler)
        sampler_end(member->sampler);
    free(member->sampler);
    member->sampler = NULL;
}

void family_end(struct family *family)
{
    for (size_t i = 0; i < family->count; i++)
        forget_sampler(&family->members[i]);
    free(family->members);
}

/* ---- Members ---- */

static struct member *find_member(struct family *family, pid_t pid)
{
    /* the newest process with that number */
    for (size_t i = family->count; i-- > 0;)
        if (family->members[i].pid == pid)
            return &family->members[i];
    return NULL;
}

static struct member *add_member(struct family *family, pid_t pid)
{
    family->members = memory_resize(family->members, family->count + 1, sizeof *family->members);
    struct member *member = &family->members[family->count++];
    *member = (struct member){.pid = pid};
    return member;
}

/* A member has executed a program: reset its figures. Before that it was a copy of its parent, and
 * what it had then does not count. For the program itself, which may execute another one, all
 * counts. */
static void begin_anew(struct member *member)
{
    forget_sampler(member);
    member->peak = 0;
    member->command[0] = '\0';
}

/* Update the row of a process, or make one. NULL if there is no such process. */
static struct member *note(struct family *family, pid_t pid)
{
    struct process_figures figures;
    struct member *member = find_member(family, pid);
    bool is_there = process_figures(pid, &figures) && figures.state != 'Z' && figures.state != 'X';
    if (!is_there || (member && member->started && member->started != figures.started)) {
        if (member)
            member->has_ended = true;
        member = NULL;
    }
    if (!is_there)
        return NULL;
    if (!member)
        member = add_member(family, pid);
    if (member->is_copy && !figures.is_copy)
        begin_anew(member);
    member->started = figures.started;
    member->is_copy = figures.is_copy;
    member->rss = figures.rss;
    member->round = family->round;
    if (figures.peak > member->peak || !member->command[0])
        process_command(pid, member->command, sizeof member->command);
    if (figures.peak > member->peak)
        member->peak = figures.peak;
    return member;
}

/* ---- Looks at heaps ---- */

static void look_at(struct family *family, struct member *member, bool is_at_exit)
{
    if (!member->sampler) {
        member->sampler = memory_resize(NULL, 1, sizeof *member->sampler);
        sampler_begin(member->sampler, family->start);
    }
    /* it is about to end: from now on its figures are not the program's any more */
    if (!member->sampler->last.is_at_exit)
        sampler_look(member->sampler, member->pid, is_at_exit);
}

/* Keep the samplers of the largest members only. */
static void prune_samplers(struct family *family)
{
    for (;;) {
        struct member *smallest = NULL;
        size_t count = 0;
        for (size_t i = 0; i < family->count; i++) {
            struct member *member = &family->members[i];
            count += member->sampler != NULL;
            if (i > 0 && member->sampler && (!smallest || member->peak < smallest->peak))
                smallest = member;
        }
        if (count <= SAMPLERS_MOST)
            return;
        forget_sampler(smallest);
    }
}

/* Of the members whose heaps this round has not read, the one with most resident memory; or
 * NULL. */
static struct member *next_largest(struct family *family, unsigned round)
{
    struct member *largest = NULL;
    for (size_t i = 0; i < family->count; i++) {
        struct member *member = &family->members[i];
        if (!member->has_ended && member->looked_at != round &&
            (!largest || member->rss > largest->rss))
            largest = member;
    }
    return largest;
}

static void look_at_largest(struct family *family)
{
    for (size_t i = 0; i < LOOKED_MOST; i++) {
        struct member *member = next_largest(family, family->round);
        if (!member)
            break;
        member->looked_at = family->round;
        look_at(family, member, false);
    }
    prune_samplers(family);
}

/* ---- Rounds ---- */

/* Is it still the same process, and not another one with its number? */
static bool is_same(const struct member *member)
{
    struct process_figures figures;
    return process_figures(member->pid, &figures) &&
           (!member->started || member->started == figures.started);
}

static void find_all(struct family *family, pid_t root)
{
    static struct process_tree tree;
    if (family->count == 0)
        add_member(family, root);
    tree_refresh(&tree, root);
    /* a process that is not in the tree any more has ended, or lost its parent */
    for (size_t i = 0; i < family->count; i++) {
        struct member *member = &family->members[i];
        if (member->has_ended || tree_has(&tree, member->pid))
            continue;
        member->has_ended = !is_same(member);
        if (!member->has_ended)
            tree_add(&tree, member->pid);
    }
    family->round++;
    for (size_t i = 0; i < tree.count; i++)
        note(family, tree.pids[i]);
}

static bool is_present(const struct family *family, const struct member *member)
{
    return !member->has_ended && member->round == family->round;
}

static void add_up(struct family *family)
{
    struct family_sum sum = {0, 0, 0};
    uint64_t rss = 0;
    for (size_t i = 0; i < family->count; i++) {
        if (!is_present(family, &family->members[i]))
            continue;
        sum.count++;
        rss += family->members[i].rss;
    }
    if (sum.count > family->most_at_a_time)
        family->most_at_a_time = sum.count;
    if (rss <= family->sum.rss)
        return;
    /* this takes longer, and happens more and more seldom; a single process needs no sum */
    for (size_t i = 0; i < family->count && family->count > 1; i++)
        if (is_present(family, &family->members[i]))
            process_share(family->members[i].pid, &sum.rss, &sum.pss);
    if (family->count == 1)
        sum.rss = rss;
    if (sum.rss > family->sum.rss)
        family->sum = sum;
}

static void show_progress(struct family *family, double now)
{
    const struct member *main = next_largest(family, 0);
    double wait = progress_is_bar() ? DRAW_SECONDS : LINE_SECONDS;
    char words[160];
    if (!main || !main->sampler || !main->sampler->made || now - family->last_words < wait)
        return;
    const struct look *last = &main->sampler->last;
    int length = snprintf(words, sizeof words, "%.1f s: RSS %s, live %s, %llu thread%s",
                          now - family->start, text_of_size(last->rss).bytes,
                          text_of_size(last->terms[0]).bytes, (unsigned long long)last->threads,
                          last->threads == 1 ? "" : "s");
    if (family->count > 1)
        snprintf(words + length, sizeof words - (size_t)length, ", process %d of %zu",
                 (int)main->pid, family->count);
    family->last_words = now;
    progress_say(family->command, words);
}

unsigned family_look(void *state, pid_t root)
{
    struct family *family = state;
    double begin = clock_seconds();
    find_all(family, root);
    add_up(family);
    if (family->is_watched)
        look_at_largest(family);
    double now = clock_seconds();
    if (family->is_watched)
        show_progress(family, now);
    double wait_most_ms = fmax(ROUND_MS, 1000 * (now - begin));
    double age_ms = 1000 * (now - family->start);
    return (unsigned)fmin(wait_most_ms, fmax(FIRST_MS, age_ms / 4));
}

/* ---- The socket ---- */

static void look_at_end(struct family *family, pid_t pid)
{
    struct member *member = note(family, pid);
    if (!member)
        return;
    look_at(family, member, true);
    /* the process waits only if it must: usually names are found after its end */
    if (member == family_main(family) && stack_looks_need_process(&member->sampler->stacks))
        stack_looks_find_names(&member->sampler->stacks);
    prune_samplers(family);
}

void family_answer(void *state, int door)
{
    pid_t pid;
    int visitor = door_accept(door, &pid);
    if (visitor < 0)
        return;
    look_at_end(state, pid);
    close(visitor);
}

/* ---- The end ---- */

static void add_report(struct family *family, const struct report *report)
{
    struct member *member = find_member(family, report->pid);
    if (!member || report->number > 0)
        member = add_member(family, report->pid);
    if (!member->command[0])
        snprintf(member->command, sizeof member->command, "%s",
                 report->command[0] ? report->command : report->program);
    member->has_ended = true;
    if (report->state != REPORT_COMPLETE)
        return;
    member->has_end = true;
    member->live_end = report_live_bytes(report);
    member->blocks_end = report_live_blocks(report);
    member->is_peak_final = true;
    uint64_t peak = report->figures.peak_rss;
    if (report->figures.rss > peak)
        peak = report->figures.rss;
    if (peak > member->peak)
        member->peak = peak;
}

void family_add_ends(struct family *family, const struct outcome *outcome,
                     const struct reports *reports)
{
    uint64_t largest = (uint64_t)outcome->usage.ru_maxrss * 1024;
    for (size_t i = 0; i < family->count; i++)
        family->members[i].has_ended = family->members[i].has_ended ||
                                       !is_same(&family->members[i]);
    for (size_t i = 0; i < reports->count; i++)
        add_report(family, &reports->list[i]);
    struct member *root = &family->members[0];
    if (!root->command[0])
        snprintf(root->command, sizeof root->command, "%s", outcome->program);
    if (largest > family->least)
        family->largest = largest;
    /* for a single process the kernel's figure is exact */
    if (family->count == 1 && !root->is_peak_final)
        root->peak = largest;
}

const struct member *family_main(const struct family *family)
{
    const struct member *main = &family->members[0];
    for (size_t i = 1; i < family->count; i++)
        if ((double)family->members[i].peak > LARGER * (double)main->peak)
            main = &family->members[i];
    return main;
}

bool family_has_unseen(const struct family *family)
{
    uint64_t most = 0;
    for (size_t i = 0; i < family->count; i++)
        if (family->members[i].peak > most)
            most = family->members[i].peak;
    return (double)family->largest > LARGER * (double)most + (double)SAME_BYTES;
}

size_t family_order(const struct family *family, const struct member **order, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < family->count; i++) {
        const struct member *member = &family->members[i];
        size_t at = count;
        while (at > 0 && order[at - 1]->peak < member->peak)
            at--;
        if (at == most)
            continue;
        if (count < most)
            count++;
        memmove(&order[at + 1], &order[at], (count - at - 1) * sizeof order[0]);
        order[at] = member;
    }
    return count;
}
