/* SPDX-License-Identifier: MIT */
/*
 * Looks at one process, for the list and the metrics. It runs in a child that may be killed at any
 * time, since a process can make its reader hang or fail.
 */
#include "serve/facts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "heap/copy.h"
#include "heap/process.h"
#include "heap/target_read.h"
#include "heap/terms.h"
#include "look/stats_formats.h"
#include "look/top.h"

/* ---- files of /proc ---- */

/* Read the beginning of a file of the process's directory; "" if there is none. */
static void read_file(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, text, size - 1) : 0;
    if (file >= 0)
        close(file);
    text[got > 0 ? got : 0] = '\0';
}

/* Fields of /proc/PID/stat, by proc(5)'s numbers. */
enum { STAT_FIRST = 3, STAT_MINOR_FAULTS = 10, STAT_MAJOR_FAULTS = 12, STAT_START = 22 };

/* The name before the fields may hold anything, also brackets. */
static uint64_t stat_field(const char *stat, int number)
{
    const char *at = strrchr(stat, ')');
    for (int field = STAT_FIRST; at && field <= number; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t facts_identity(pid_t pid)
{
    char path[64];
    char text[1024];
    read_file(pid, "stat", text, sizeof text);
    uint64_t identity = stat_field(text, STAT_START);
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    /* reads the link with the executable's name, and not the file, whose file system may hang */
    ssize_t length = readlink(path, text, sizeof text);
    for (ssize_t i = 0; i < length; i++)
        identity = identity * 1099511628211U + (unsigned char)text[i];
    return identity;
}

void facts_read_name(struct facts *facts)
{
    struct top_process process = {.pid = facts->pid};
    if (top_read_name(&process))
        memcpy(facts->program, process.program, sizeof facts->program);
}

static void read_words(struct facts *facts)
{
    struct top_process process = {.pid = facts->pid};
    top_read_words(&process);
    memcpy(facts->command, process.command, sizeof facts->command);
    if (!facts->program[0])
        memcpy(facts->program, process.program, sizeof facts->program);
}

/* ---- the heap ---- */

static void take_terms(struct facts *facts, const struct heap_terms *terms)
{
    facts->rss = terms->rss;
    facts->live = top_figure(terms, ORDER_LIVE);
    facts->cached = top_figure(terms, ORDER_CACHED);
    facts->free = top_figure(terms, ORDER_FREE);
    facts->others = terms->others;
}

static void take_limit(struct facts *facts, const struct heap_view *view,
                       const struct heap_terms *terms)
{
    uint64_t spans = heap_terms_spans(terms);
    uint64_t counted = terms->rss > spans ? terms->rss : spans;
    facts->limit = view->settings.limit > 0 ? (uint64_t)view->settings.limit : 0;
    facts->is_at_limit = view->space.is_at_limit || (facts->limit > 0 && counted >= facts->limit);
}

static void take_profile(struct facts *facts, const struct heap_view *view)
{
    union seen_profile head;
    if (!target_read(view->target, (uintptr_t)view->root.profile, &head, sizeof head))
        return;
    facts->has_profile = head.started_ms != 0;
    facts->is_profiling = atomic_load(&head.is_on) != 0;
}

static void gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
    fprintf(out, "# TYPE hakmem_%s gauge\n# HELP hakmem_%s %s\nhakmem_%s %" PRIu64 "\n", name, name,
            help, name, value);
}

/* Write the metrics that `hakmem stats` does not have: the limit, the profile, the page faults. */
static void print_more(FILE *out, const struct facts *facts)
{
    char stat[1024];
    read_file(facts->pid, "stat", stat, sizeof stat);
    gauge(out, "limit_bytes", "The limit that was set (HAKMEM_LIMIT); 0 for none.", facts->limit);
    gauge(out, "limit_reached", "1: calls of malloc that need more memory fail.",
          facts->is_at_limit);
    gauge(out, "profiling", "1: call stacks are sampled.", facts->is_profiling);
    fprintf(out,
            "# TYPE hakmem_page_faults counter\n"
            "# HELP hakmem_page_faults Page faults of the process, by kind.\n"
            "hakmem_page_faults_total{kind=\"minor\"} %" PRIu64 "\n"
            "hakmem_page_faults_total{kind=\"major\"} %" PRIu64 "\n",
            stat_field(stat, STAT_MINOR_FAULTS), stat_field(stat, STAT_MAJOR_FAULTS));
}

static bool read_heap(struct facts *facts, struct target *target, FILE *metrics)
{
    struct heap_view view;
    struct heap_terms *terms = memory_resize(NULL, 1, sizeof *terms);
    bool is_seen = heap_view_open(&view, target) && heap_terms_count(&view, terms);
    if (is_seen) {
        facts->threads = view.thread_count;
        take_terms(facts, terms);
        take_limit(facts, &view, terms);
        take_profile(facts, &view);
        stats_print_metrics(metrics, &view, terms);
        print_more(metrics, facts);
        heap_view_close(&view);
    }
    free(terms);
    return is_seen;
}

/* The heap cannot be read, maybe because it is of another build: report that the process has
 * one. */
static enum facts_kind kind_of_failure(const struct target *target, bool is_open)
{
    if (target->is_refused)
        return FACTS_REFUSED;
    return is_open && !target->is_without && !target->is_gone ? FACTS_BAD : FACTS_WITHOUT;
}

void facts_read(struct facts *facts, pid_t pid, FILE *metrics)
{
    struct target target;
    bool is_open = target_open_process(&target, pid);
    *facts = (struct facts){.pid = pid, .identity = facts_identity(pid)};
    snprintf(facts->program, sizeof facts->program, "%s", target.program);
    if (!is_open || !read_heap(facts, &target, metrics)) {
        facts->kind = kind_of_failure(&target, is_open);
        snprintf(facts->why, sizeof facts->why, "%s", target.error);
    }
    if (is_open)
        target_close(&target);
    if (facts->kind != FACTS_WITHOUT)
        read_words(facts);
}
