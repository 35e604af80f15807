/* SPDX-License-Identifier: MIT */
/*
 * `hakmem top`: a live view of one process's heap, or of all processes that use HAKMEM; or the same
 * view of a core file, which never changes. Each look opens the process again and reads it from
 * outside. So a stopped process can be shown, and it is no error if a process ends.
 */
#include "look/top.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "heap/choose.h"
#include "look/verbs.h"
#include "program/process_tree.h"

#define KEY_DELAY CLI_KEY(1)
#define DELAY_MIN 0.1
#define DELAY_MAX 3600.0

/* ---- looking ---- */

/* The live bytes of a process at the last look. */
static uint64_t last_live(const struct top_process *old, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (old[i].pid == pid)
            return old[i].terms.live;
    return 0;
}

static enum top_order process_order;

static int compare_processes(const void *a, const void *b)
{
    const struct top_process *left = a;
    const struct top_process *right = b;
    if (left->is_refused != right->is_refused)
        return left->is_refused - right->is_refused;
    if (process_order == ORDER_NAME)
        return strcmp(left->program, right->program);
    uint64_t l = top_figure(&left->terms, process_order);
    uint64_t r = top_figure(&right->terms, process_order);
    return l != r ? (l < r) - (l > r) : (left->pid > right->pid) - (left->pid < right->pid);
}

/* Explain that a process has ended which was shown before: its name is still known. */
static void explain_end(const struct top *top, char error[320])
{
    struct process_figures figures;
    const struct top_process *last = top->processes;
    bool is_there = process_figures(top->only, &figures) && figures.state != 'Z' &&
                    figures.state != 'X';
    if (!top->core && !is_there && top->count == 1 && last->pid == top->only)
        snprintf(error, 320, "%.63s [%d] has ended", last->program, (int)last->pid);
}

/* Read the figures again. False: the only process cannot be read any more. */
static bool look(struct top *top, char error[320])
{
    if (!top_is_one(top)) {
        top_look_at_all(top);
        process_order = top->order;
        if (top->count > 0)
            qsort(top->processes, top->count, sizeof *top->processes, compare_processes);
        if (top->selected >= top->count)
            top->selected = top->count ? top->count - 1 : 0;
        return true;
    }
    struct top_process process;
    struct look_result result = {.process = &process};
    if (!top_look_at(top, top->only, &result)) {
        snprintf(error, sizeof result.error, "%s", result.error);
        explain_end(top, error);
        return false;
    }
    process.last_live = last_live(top->processes, top->count, process.pid);
    top->processes = memory_resize(top->processes, 1, sizeof *top->processes);
    top->processes[0] = process;
    top->count = 1;
    return true;
}

/* ---- keys ---- */

static void go_back(struct top *top)
{
    if (!top->only || !top->is_chosen)
        return;
    top->only = 0;
    top->is_chosen = false;
    top->shows_sites = false;
    top_sites_free(&top->sites);
}

static void go_into(struct top *top)
{
    if (top_is_one(top) || top->selected >= top->count)
        return;
    top->only = top->processes[top->selected].pid;
    top->is_chosen = true;
}

static void move_selection(struct top *top, int by)
{
    if (by < 0 && top->selected > 0)
        top->selected--;
    if (by > 0 && top->selected + 1 < top->count)
        top->selected++;
}

/* Obey a key. False: quit. */
static bool obey(struct top *top, int key)
{
    switch (key) {
    case 'q': return false;
    case 'r': top->order = ORDER_RSS; break;
    case 'l': top->order = ORDER_LIVE; break;
    case 'c': top->order = ORDER_CACHED; break;
    case 'f': top->order = ORDER_FREE; break;
    case 'n': top->order = ORDER_NAME; break;
    case 't': top->shows_threads = !top->shows_threads; break;
    case 'u': top->shows_refused = !top->shows_refused; break;
    case 'k': move_selection(top, -1); break;
    case 'j': move_selection(top, 1); break;
    case '\n': go_into(top); break;
    case 'b': go_back(top); break;
    case 'w': top->shows_sites = top_is_one(top) && !top->shows_sites; break;
    default: break;
    }
    return true;
}

static void sort_sites(struct top *top, enum figure figure)
{
    top->figure = figure;
    top->site_first = 0;
}

/* Obey a key while the call stacks are shown. */
static bool obey_in_sites(struct top *top, int key)
{
    switch (key) {
    case 'l': sort_sites(top, FIGURE_LIVE); break;
    case 'a': sort_sites(top, FIGURE_ALLOCATED); break;
    case 'p': sort_sites(top, FIGURE_PEAK); break;
    case 'f': sort_sites(top, FIGURE_PINNED); break;
    case 'k': top->site_first -= top->site_first > 0; break;
    case 'j':
        if (top->sites.is_read && top->site_first + 1 < top->sites.named.view.site_count)
            top->site_first++;
        break;
    case 'q': return false;
    case 'b':
    case 'w': top->shows_sites = false; break;
    default: break;
    }
    return true;
}

/* Keys that sort or move act at once; the figures change once in a delay. */
static bool show_until_due(struct top *top)
{
    double due = clock_seconds() + top->delay;
    pid_t only = top->only;
    enum top_order order = top->order;
    bool shows_refused = top->shows_refused;
    bool shows_sites = top->shows_sites;
    for (;;) {
        top_screen_draw(top);
        double left = due - clock_seconds();
        int key = left > 0 ? top_screen_key(left) : -1;
        if (key < 0)
            return true;
        if (!(top->shows_sites ? obey_in_sites : obey)(top, key))
            return false;
        if (top->only != only || top->order != order || top->shows_refused != shows_refused ||
            top->shows_sites != shows_sites)
            return true;
    }
}

/* Show the view until 'q', or until the only process is gone. */
static int watch(struct top *top)
{
    char error[320] = "";
    if (!look(top, error))
        return cli_fail(EXIT_FAILURE, "hakmem top: %s", error);
    if (!top_screen_begin())
        return cli_fail(EXIT_USAGE,
                        "hakmem top: the terminal cannot be used: TERM is '%.60s', and there is no "
                        "such kind here",
                        getenv("TERM") ? getenv("TERM") : "");
    while (show_until_due(top)) {
        top->note[0] = '\0';
        if (look(top, error))
            continue;
        if (!top->is_chosen) {
            top_screen_end();
            return cli_fail(EXIT_SUCCESS, "hakmem top: %s", error);
        }
        snprintf(top->note, sizeof top->note, "%.120s", error);
        go_back(top);
        look(top, error);
    }
    top_screen_end();
    return EXIT_SUCCESS;
}

/* ---- the verb ---- */

static error_t parse_top(int key, char *argument, struct argp_state *state)
{
    struct top *top = state->input;
    char *end;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_DELAY:
        top->delay = strtod(argument, &end);
        if (end == argument || *end || !(top->delay >= DELAY_MIN && top->delay <= DELAY_MAX))
            exit(cli_fail(EXIT_USAGE,
                          "hakmem top: --delay cannot be '%.60s': expected %.1f to %.0f seconds",
                          argument, DELAY_MIN, DELAY_MAX));
        return 0;
    case CHOICE_KEY_CORE: top->core = argument; return 0;
    case ARGP_KEY_ARG:
        if (top_is_one(top))
            exit(cli_fail(EXIT_USAGE, "hakmem top: '%.60s' is one word too many", argument));
        top->only = choice_pid("hakmem top", argument);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int top_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"delay", KEY_DELAY, "SECONDS", 0, "time between two looks, in seconds (1)", 0},
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_top,
        .args_doc = "[PID]",
        .doc =
            "Watch the heap of a process, or of all processes that run on HAKMEM."
            "\v"
            "Keys: r l c f n sort by RSS, live, cached, free, name or size; j k or the arrows "
            "select, Enter shows the process, b goes back; t shows threads; w shows who asked for "
            "the memory of a process that profiles; u shows the processes that may not be read, "
            "and why; q quits.",
    };
    struct top top = {.delay = 1};
    cli_parse(&argp, argc, argv, &top);
    if (top.core)
        top.delay = DELAY_MAX;
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return cli_fail(EXIT_USAGE,
                        "hakmem top: needs a terminal (hakmem stats prints the figures once)");
    int status = watch(&top);
    free(top.processes);
    free(top.threads);
    top_sites_free(&top.sites);
    top_forget_all();
    return status;
}
