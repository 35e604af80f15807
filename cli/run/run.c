/* SPDX-License-Identifier: MIT */
/*
 * `hakmem run`: prepares the environment, runs the program with the library, and ends with the
 * program's report and its exit status. With --report it also reads the program's heap while it
 * runs, and writes a page.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/output.h"
#include "base/progress.h"
#include "program/library.h"
#include "program/report_directory.h"
#include "run/report_text.h"
#include "run/run_report.h"
#include "run/verbs.h"
#include "settings/settings.h"

#define COMMAND "hakmem run"
#define KEY_SET CLI_KEY(1)
#define KEY_REPORT CLI_KEY(2)
#define KEY_OPERATIONS CLI_KEY(3)
#define KEY_NO_PROFILE CLI_KEY(4)

struct options {
    char **program;
    struct output page;
    bool is_counting;
    bool is_profiling; /* the program's profiling is switched on, for the page */
    bool is_unprofiled;
};

/* ---- The directory of the reports ---- */

struct report_directory {
    char path[PATH_MAX];
    bool is_private;       /* made here, and removed at the end */
    struct timespec since; /* reports older than this belong to earlier runs */
};

/* Use the user's directory if one is set, else a private one; export its absolute path. */
static void prepare_directory(struct report_directory *directory)
{
    const char *name = SETTING_PREFIX "REPORT";
    const char *chosen = getenv(name);
    *directory = (struct report_directory){.is_private = !chosen || !*chosen};
    if (directory->is_private) {
        report_directory_make(COMMAND, directory->path);
    } else {
        struct stat status;
        if (!realpath(chosen, directory->path) || stat(directory->path, &status) != 0 ||
            !S_ISDIR(status.st_mode) || access(directory->path, W_OK | X_OK) != 0)
            exit(cli_fail(EXIT_USAGE,
                          "hakmem run: %s cannot be '%s': expected a directory to write to", name,
                          chosen));
        /* the clock of file times */
        clock_gettime(CLOCK_REALTIME_COARSE, &directory->since);
    }
    cli_export(name, directory->path);
}

static void remove_directory(const struct report_directory *directory)
{
    if (directory->is_private)
        report_directory_remove(directory->path);
}

/* Write the report in one call, so that the output of others cannot come between. */
static void show_report(const struct outcome *outcome, const struct family *family,
                        const struct reports *reports)
{
    char text[8192];
    FILE *out = fmemopen(text, sizeof text, "w");
    if (!out)
        return;
    report_print(out, outcome, family, reports);
    fclose(out);
    fputs(text, stderr);
}

/* Write the page, if one is wanted. Returns `status`, or EXIT_INTERNAL if it cannot be written. */
static int write_page(struct options *options, const struct run_report *report, int status)
{
    if (!options->page.path)
        return status;
    run_page_print(output_begin(&options->page), report);
    if (output_end(&options->page, EXIT_SUCCESS) != EXIT_SUCCESS)
        return EXIT_INTERNAL;
    cli_say(COMMAND ": the report is in %s", options->page.path);
    return status;
}

/* The program has ended: show its report, and return its status. */
static int tell(struct options *options, const struct outcome *outcome, struct family *family,
                struct run_calls *calls, const struct report_directory *directory)
{
    static const struct sampler nothing_seen;
    struct reports reports;
    reports_collect(&reports, directory->path, directory->since);
    family_add_ends(family, outcome, &reports);
    run_calls_end(calls, outcome->pid);
    show_report(outcome, family, &reports);
    const struct member *subject = family_main(family);
    const struct run_report all = {
        .argv = options->program,
        .outcome = outcome,
        .family = family,
        .subject = subject,
        .exit = reports_find(&reports, subject->pid),
        .sampler = subject->sampler ? subject->sampler : &nothing_seen,
        .calls = calls,
        .is_profiled = options->is_profiling,
    };
    if (subject->sampler)
        stack_looks_find_names(&subject->sampler->stacks);
    int status = write_page(options, &all, program_status(outcome));
    reports_free(&reports);
    return status;
}

/* Switch profiling on for the page, unless the user has decided about profiling. */
static void switch_profiling(struct options *options)
{
    const char *name = SETTING_PREFIX "PROFILE";
    options->is_profiling = options->page.path && !options->is_unprofiled && !getenv(name);
    if (options->is_profiling)
        cli_export(name, "1");
}

static int run_program(struct options *options)
{
    static struct run_calls calls;
    struct report_directory directory;
    struct family family;
    struct outcome outcome;
    bool is_watched = options->page.path;
    struct program program = {
        .command = COMMAND, .argv = options->program, .watch = family_look, .state = &family};
    library_preload(COMMAND, LIBRARY_ALLOCATOR);
    if (options->is_counting)
        run_calls_begin(&calls, COMMAND);
    if (!output_open(&options->page))
        return EXIT_USAGE;
    prepare_directory(&directory);
    switch_profiling(options);
    /* not in a directory of the user's: another run may have its socket there */
    program.from = is_watched && directory.is_private ? door_open(directory.path) : -1;
    program.answer = program.from >= 0 ? family_answer : NULL;
    family_begin(&family, COMMAND, is_watched);
    int status = program_run(&program, &outcome);
    if (program.from >= 0)
        close(program.from);
    if (status == EXIT_SUCCESS) {
        if (is_watched)
            progress_clear();
        status = tell(options, &outcome, &family, &calls, &directory);
    } else {
        output_drop(&options->page);
    }
    remove_directory(&directory);
    family_end(&family);
    return status;
}

/* ---- Arguments ---- */

static error_t parse_run(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_SET: settings_export(argument); return 0;
    case KEY_REPORT: options->page.path = argument; return 0;
    case KEY_NO_PROFILE: options->is_unprofiled = true; return 0;
    case KEY_OPERATIONS: options->is_counting = true; return 0;
    case ARGP_KEY_ARG:
        /* the remaining words belong to the program */
        options->program = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int run_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"set", KEY_SET, "NAME=VALUE", 0, "run it with this setting (see hakmem settings)", 0},
        {"report", KEY_REPORT, "FILE", 0, "write an HTML page about its memory over time", 0},
        {"operations", KEY_OPERATIONS, NULL, 0, "count every call, for the page (slower)", 0},
        {"no-profile", KEY_NO_PROFILE, NULL, 0, "do not profile: no call stacks in the page", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_run,
        .args_doc = "[--] PROGRAM [ARGUMENTS]",
        .doc = "Run a program on the HAKMEM allocator. When it has ended, print on standard error "
               "what its heap did."
               "\v"
               "The exit status is the program's, or 128 plus the number of the signal that killed "
               "it. 127: there is no such program. 126: it cannot be executed. 125: hakmem itself "
               "failed. 2: the command line is wrong.",
    };
    struct options input = {.page = {.command = COMMAND}};
    cli_parse(&argp, argc, argv, &input);
    if (!input.program)
        return cli_fail(EXIT_USAGE, COMMAND ": no program given (see " COMMAND " --help)");
    if (input.is_counting && !input.page.path)
        return cli_fail(EXIT_USAGE, COMMAND ": --operations needs --report FILE: the page has the "
                                            "numbers");
    if (input.is_unprofiled && !input.page.path)
        return cli_fail(EXIT_USAGE, COMMAND ": --no-profile is for the page of --report FILE");
    return run_program(&input);
}
