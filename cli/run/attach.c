/* SPDX-License-Identifier: MIT */
/*
 * `hakmem report`: the page of `hakmem run --report`, for a process that runs already. The process
 * profiles meanwhile, if it agrees; else it is only read.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/output.h"
#include "base/progress.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "program/process_tree.h"
#include "run/profiling.h"
#include "run/run_report.h"
#include "run/verbs.h"

#define COMMAND "hakmem report"
#define KEY_FOR CLI_KEY(1)
#define KEY_NO_PROFILE CLI_KEY(2)

struct options {
    char *pid;
    double seconds;
    struct output page;
    char name[32];
    bool is_unprofiled;
};

/* Purpose: the process, which stays open while it is looked at. */
struct watched {
    pid_t pid;
    struct target target;
    struct heap_view view;
    struct profiling profiling;
};

/* ---- The looks ---- */

/* Block the signals that end the looks early: the page is written all the same. */
static void hold_signals(sigset_t *awaited)
{
    sigemptyset(awaited);
    sigaddset(awaited, SIGINT);
    sigaddset(awaited, SIGTERM);
    sigaddset(awaited, SIGHUP);
    sigprocmask(SIG_BLOCK, awaited, NULL);
}

static void look_for(struct family *family, struct watched *watched, double seconds)
{
    sigset_t awaited;
    hold_signals(&awaited);
    for (double end = family->start + seconds;;) {
        profiling_look(&watched->profiling);
        unsigned wait_ms = family_look(family, watched->pid);
        double left = end - clock_seconds();
        if (left <= 0 || family->members[0].has_ended)
            break;
        if (wait_ms > left * 1000)
            wait_ms = (unsigned)(left * 1000);
        struct timespec wait = {wait_ms / 1000, (long)(wait_ms % 1000) * 1000000};
        if (sigtimedwait(&awaited, NULL, &wait) > 0)
            break;
    }
    progress_clear();
}

static struct timeval time_of(unsigned long ticks)
{
    unsigned long a_second = (unsigned long)sysconf(_SC_CLK_TCK);
    return (struct timeval){(time_t)(ticks / a_second),
                            (suseconds_t)(ticks % a_second * 1000000 / a_second)};
}

/* The usage that the kernel counted between two moments. */
static struct rusage usage_between(const struct process_figures *before,
                                   const struct process_figures *after)
{
    return (struct rusage){
        .ru_utime = time_of(after->user_ticks - before->user_ticks),
        .ru_stime = time_of(after->system_ticks - before->system_ticks),
        .ru_minflt = (long)(after->minor_faults - before->minor_faults),
        .ru_majflt = (long)(after->major_faults - before->major_faults),
    };
}

/* ---- The page ---- */

/* If there is no heap to read, write one line and end. */
static void open_heap(struct watched *watched, const struct options *options)
{
    const struct choice choice = {.command = COMMAND,
                                  .pid = options->pid,
                                  .is_to_write = !options->is_unprofiled,
                                  .is_watch = true};
    *watched = (struct watched){.pid = choice_pid(COMMAND, options->pid)};
    choice_open(&choice, &watched->target, &watched->view);
    if (watched->view.is_empty)
        exit(cli_fail(EXIT_FAILURE, COMMAND ": %s does not use the heap of HAKMEM",
                      choice_title(&watched->target)));
}

static void close_heap(struct watched *watched)
{
    heap_view_close(&watched->view);
    target_close(&watched->target);
}

/* Read the stacks at the end, then stop profiling, and find the names after that, since it may take
 * long. */
static void end_profiling(struct watched *watched, const struct member *subject)
{
    struct stack_looks *looks = subject->sampler ? &subject->sampler->stacks : NULL;
    if (looks && !subject->has_ended)
        stack_looks_read(looks, watched->pid);
    if (looks && !looks->has_profile && watched->profiling.is_asked && !watched->profiling.was_on)
        snprintf(looks->error, sizeof looks->error,
                 "it was asked to profile, but allocated nothing while it was looked at");
    if (!profiling_end(&watched->profiling) && !subject->has_ended)
        cli_say(COMMAND ": %s has become idle: profiling ends in it when it next allocates",
                choice_title(&watched->target));
    if (looks)
        stack_looks_find_names(looks);
}

static int report_process(struct options *options)
{
    static const struct sampler nothing_seen;
    static const struct run_calls no_calls;
    static const struct report no_report = {.state = REPORT_MISSING};
    struct watched watched;
    struct process_figures before;
    struct process_figures after;
    struct family family;
    open_heap(&watched, options);
    pid_t pid = watched.pid;
    if (!output_open(&options->page))
        return EXIT_USAGE;
    fprintf(stderr, COMMAND ": process %d is watched for %g s, or until it ends, or Ctrl-C\n",
            (int)pid, options->seconds);
    process_figures(pid, &before);
    if (!options->is_unprofiled)
        profiling_begin(&watched.profiling, &watched.view);
    family_begin(&family, COMMAND, true);
    look_for(&family, &watched, options->seconds);
    const struct member *subject = &family.members[0];
    struct outcome outcome = {
        .program = options->pid, .pid = pid, .wall_seconds = clock_seconds() - family.start};
    if (process_figures(pid, &after) && after.started == before.started)
        outcome.usage = usage_between(&before, &after);
    end_profiling(&watched, subject);
    close_heap(&watched);
    const struct run_report all = {
        .outcome = &outcome,
        .family = &family,
        .subject = subject,
        .exit = &no_report,
        .sampler = subject->sampler ? subject->sampler : &nothing_seen,
        .calls = &no_calls,
        .peak_before = before.peak,
    };
    run_page_print(output_begin(&options->page), &all);
    family_end(&family);
    if (output_end(&options->page, EXIT_SUCCESS) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    cli_say(COMMAND ": the report is in %s", options->page.path);
    return EXIT_SUCCESS;
}

/* ---- Arguments ---- */

static double parse_seconds(const char *text)
{
    double seconds;
    if (text_to_seconds(text, &seconds))
        return seconds;
    exit(cli_fail(EXIT_USAGE,
                  COMMAND ": --for cannot be '%.60s': expected a time from 1ms to 168h, such as "
                          "500ms, 60s, 5m or 1h",
                  text));
}

static error_t parse_report(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_FOR: options->seconds = parse_seconds(argument); return 0;
    case KEY_NO_PROFILE: options->is_unprofiled = true; return 0;
    case 'o': options->page.path = argument; return 0;
    case ARGP_KEY_ARG:
        if (options->pid)
            exit(cli_fail(EXIT_USAGE, COMMAND ": '%.60s' is one word too many", argument));
        options->pid = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int report_command(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"for", KEY_FOR, "TIME", 0, "how long to look: 500ms, 60s, 5m, 1h (60s)", 0},
        {"output", 'o', "FILE", 0, "write the page here (PID.html)", 0},
        {"no-profile", KEY_NO_PROFILE, NULL, 0, "do not profile: no call stacks in the page", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = table,
        .parser = parse_report,
        .args_doc = "PID",
        .doc = "Look at the heap of a running process for a while, and write an HTML page about "
               "its memory over time, as hakmem run --report does. Profiling is switched on in the "
               "process meanwhile; with --no-profile nothing in it is changed."
               "\v"
               "If the process ends before, or at Ctrl-C, the page is written with the looks so "
               "far.",
    };
    struct options options = {.seconds = 60, .page = {.command = COMMAND}};
    cli_parse(&argp, argc, argv, &options);
    if (!options.pid)
        return cli_fail(EXIT_USAGE, COMMAND ": no process given (see " COMMAND " --help)");
    if (!options.page.path) {
        snprintf(options.name, sizeof options.name, "%d.html",
                 (int)choice_pid(COMMAND, options.pid));
        options.page.path = options.name;
    }
    return report_process(&options);
}
