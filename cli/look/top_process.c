/* SPDX-License-Identifier: MIT */
/*
 * One process of the live view: reads its heap, or the core file, and its name. Each look opens the
 * process again.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "heap/core_file.h"
#include "heap/process.h"
#include "look/top.h"

/* Read a file of the process's directory in /proc. Returns the number of bytes; 0 if there is
 * none. */
static size_t read_file(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *stream = fopen(path, "re");
    if (!stream)
        return 0;
    size_t length = fread(text, 1, size, stream);
    fclose(stream);
    return length;
}

bool top_read_name(struct top_process *process)
{
    char name[16];
    size_t length = read_file(process->pid, "comm", name, sizeof name);
    if (length == 0)
        return false; /* it has ended */
    name[length - 1] = '\0';
    snprintf(process->program, sizeof process->program, "%s", name);
    target_make_printable(process->program);
    return true;
}

void top_read_words(struct top_process *process)
{
    char *text = process->command;
    size_t length = read_file(process->pid, "cmdline", text, sizeof process->command - 1);
    while (length > 0 && text[length - 1] == '\0')
        length--;
    /* the program without its directory; a text that the program has written over its arguments is
     * no path */
    const char *slash = text[0] == '/' ? memrchr(text, '/', strnlen(text, length)) : NULL;
    if (slash) {
        length -= (size_t)(slash + 1 - text);
        memmove(text, slash + 1, length);
    }
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(text[i] == '\0' ? ' ' : isprint((unsigned char)text[i]) ? text[i] : '?');
    text[length] = '\0';
    if (!process->program[0])
        top_read_name(process);
}

bool top_is_one(const struct top *top)
{
    return top->only || top->core;
}

bool top_look_at(struct top *top, pid_t pid, struct look_result *result)
{
    struct target target;
    struct heap_view view;
    struct top_process *process = result->process;
    bool is_seen = false;
    bool is_open = top->core ? target_open_core(&target, top->core)
                             : target_open_process(&target, pid);
    if (is_open)
        is_seen = top->only ? choice_view_open(&view, &target, false)
                            : heap_view_open(&view, &target);
    *process = (struct top_process){.pid = top->core ? target.pid : pid, .state = target.state};
    snprintf(process->program, sizeof process->program, "%s", target.program);
    if (!top->core)
        top_read_words(process);
    if (!is_seen || !heap_terms_count(&view, &process->terms)) {
        snprintf(result->error, sizeof result->error, "%s", target.error);
        result->is_refused = target.is_refused;
        result->is_damaged = target.is_damaged;
        if (is_open)
            target_close(&target);
        return false;
    }
    process->threads = view.thread_count;
    if (top->core) /* a core does not say which pages were resident: its own pages count instead */
        process->terms.rss = heap_terms_sum(&process->terms);
    if (top_is_one(top)) {
        free(top->threads);
        top->thread_count = view.thread_count;
        top->threads = memory_resize(NULL, view.thread_count, sizeof *top->threads);
        if (view.thread_count > 0)
            memcpy(top->threads, view.threads, view.thread_count * sizeof *top->threads);
    }
    if (top_is_one(top) && top->shows_sites)
        top_sites_read(&top->sites, &target, &view);
    heap_view_close(&view);
    target_close(&target);
    return true;
}

uint64_t top_figure(const struct heap_terms *terms, enum top_order order)
{
    switch (order) {
    case ORDER_LIVE: return terms->live;
    case ORDER_CACHED: return terms->thread_cached + terms->depots;
    case ORDER_FREE: return terms->partly_used + terms->purgeable;
    default: return terms->rss;
    }
}
