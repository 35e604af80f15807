/* SPDX-License-Identifier: MIT */
/*
 * `hakmem leaks`: runs a program with profiling on, and says which blocks it and its children have
 * lost when they are about to end: then the library of each connects to the door, a socket of the
 * command, and waits.
 */
#include <argp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/output.h"
#include "base/text.h"
#include "program/library.h"
#include "program/loader.h"
#include "program/program.h"
#include "program/report_directory.h"
#include "settings/settings.h"
#include "sites/leaks.h"
#include "sites/verbs.h"

#define COMMAND "hakmem leaks"
#define KEY_EXACT CLI_KEY(1)
#define KEY_INTERVAL CLI_KEY(2)
#define KEY_SUPPRESS CLI_KEY(3)
#define KEY_SUPPRESS_FUNCTION CLI_KEY(4)
#define KEY_STATUS CLI_KEY(5)
#define KEY_ALL CLI_KEY(6)

/* The same as LeakSanitizer's. */
#define STATUS_DEFAULT 23
/* Enough for a program with some million live blocks; memory that is not used costs nothing. */
#define MEMORY "2G"

/* Purpose: the options, and the reports so far. Invariant: `text` has the report of each process
 * that is to be shown. */
struct leaks_run {
    char **program;
    struct output output;
    struct suppressions suppressions;
    const char *interval;
    int status;
    bool is_all;
    bool is_json;
    struct outcome outcome;
    FILE *text;
    unsigned told;
    unsigned looked_at;
    unsigned leaking;
    char error[sizeof((struct target *)0)->error];
};

/* ---- the processes ---- */

static bool is_leaking(const struct leaks_run *run, const struct leaks *leaks)
{
    bool is_exact = leaks->named.view.interval <= 1;
    if (leaks->all_lost.blocks > 0 || (run->is_all && leaks->all_reachable.blocks > 0))
        return true;
    /* with samples, it is not known whether blocks without a stack are suppressed */
    return is_exact ? leaks->nameless >= 1 : leaks->lost_blocks > 0 && run->suppressions.count == 0;
}

static void take(struct leaks_run *run, pid_t pid, const struct leaks *leaks)
{
    bool leaks_any = is_leaking(run, leaks);
    run->looked_at++;
    run->leaking += leaks_any;
    /* of several processes, leave out those without leaks: they would hide the others */
    if (!leaks_any && pid != run->outcome.pid && !run->is_json)
        return;
    if (run->is_json) {
        fputs(run->told ? ",\n" : "\n", run->text);
        leaks_print_json(run->text, leaks);
    } else {
        fputs(run->told ? "\n" : "", run->text);
        leaks_print(run->text, leaks, run->is_all);
    }
    run->told++;
}

static void answer(void *state, int door)
{
    static struct leaks leaks;
    struct leaks_run *run = state;
    pid_t pid;
    int visitor = door_accept(door, &pid);
    if (visitor < 0)
        return;
    if (leaks_find(&leaks, pid, &run->suppressions, run->error, sizeof run->error)) {
        take(run, pid, &leaks);
        leaks_free(&leaks);
    }
    close(visitor);
}

/* ---- the end ---- */

/* There is no report: write one line that says why. */
static int say_none(const struct leaks_run *run)
{
    const struct outcome *outcome = &run->outcome;
    const char *reason = run->error[0] ? run->error : loader_explain(outcome->program);
    int status = program_status(outcome);
    if (!reason)
        reason = "it has not come to its end with HAKMEM in it";
    if (WIFSIGNALED(outcome->status))
        cli_fail(EXIT_INTERNAL, COMMAND ": nothing known of '%s': signal %d (%s) has ended it",
                 outcome->program, WTERMSIG(outcome->status), strsignal(WTERMSIG(outcome->status)));
    else
        cli_fail(EXIT_INTERNAL, COMMAND ": nothing known of '%s': %s", outcome->program, reason);
    return status == EXIT_SUCCESS ? EXIT_INTERNAL : status;
}

static int tell(struct leaks_run *run, const char *text, size_t size)
{
    FILE *out = stderr;
    if (run->looked_at == 0) {
        output_drop(&run->output);
        return say_none(run);
    }
    if (run->output.path)
        out = output_begin(&run->output);
    if (run->is_json)
        fputs("{\"format\":1,\"processes\":[", out);
    fwrite(text, 1, size, out);
    if (run->is_json)
        fputs("]}\n", out);
    if (output_end(&run->output, EXIT_SUCCESS) != EXIT_SUCCESS)
        return EXIT_INTERNAL;
    int status = program_status(&run->outcome);
    return status == EXIT_SUCCESS && run->leaking > 0 ? run->status : status;
}

static int run_with_door(struct leaks_run *run, const char *directory)
{
    char *text = NULL;
    size_t size = 0;
    int door = door_open(directory);
    if (door < 0)
        return cli_fail(EXIT_INTERNAL, COMMAND ": cannot make a socket in %s", directory);
    const struct program program = {
        .command = COMMAND,
        .argv = run->program,
        .answer = answer,
        .from = door,
        .state = run,
    };
    run->text = open_memstream(&text, &size);
    if (!run->text)
        return cli_fail(EXIT_INTERNAL, COMMAND ": no memory");
    int status = program_run(&program, &run->outcome);
    close(door);
    fclose(run->text);
    if (status == EXIT_SUCCESS)
        status = tell(run, text, size);
    else
        output_drop(&run->output);
    free(text);
    return status;
}

static int run_program(struct leaks_run *run)
{
    char directory[PATH_MAX];
    library_preload(COMMAND, LIBRARY_ALLOCATOR);
    if (!output_open(&run->output))
        return EXIT_USAGE;
    report_directory_make(COMMAND, directory);
    cli_export(SETTING_PREFIX "REPORT", directory);
    cli_export(SETTING_PREFIX "PROFILE", "1");
    cli_export(SETTING_PREFIX "PROFILE_INTERVAL", run->interval);
    if (!getenv(SETTING_PREFIX "PROFILE_MEMORY"))
        cli_export(SETTING_PREFIX "PROFILE_MEMORY", MEMORY);
    int status = run_with_door(run, directory);
    report_directory_remove(directory);
    return status;
}

/* ---- arguments ---- */

static const char *parse_interval(const char *text)
{
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        int64_t value;
        if (strcmp(setting_rows[i].name, "PROFILE_INTERVAL") != 0)
            continue;
        if (!setting_parse(&setting_rows[i], text, &value))
            exit(cli_fail(EXIT_USAGE, COMMAND ": --interval cannot be '%.60s': expected %s", text,
                          setting_expectation(&setting_rows[i]).bytes));
    }
    return text;
}

static int parse_status(const char *text)
{
    uint64_t number;
    if (!text_to_number(text, &number) || number > 255)
        exit(cli_fail(EXIT_USAGE, COMMAND ": --exit-status cannot be '%.60s': expected 0 to 255",
                      text));
    return (int)number;
}

static void set_output(struct leaks_run *run, const char *path)
{
    size_t length = strlen(path);
    run->output.path = path;
    run->is_json = length > 5 && strcmp(path + length - 5, ".json") == 0;
}

static error_t parse_leaks(int key, char *argument, struct argp_state *state)
{
    struct leaks_run *run = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case 'o': set_output(run, argument); return 0;
    case KEY_EXACT: run->interval = "1"; return 0;
    case KEY_INTERVAL: run->interval = parse_interval(argument); return 0;
    case KEY_SUPPRESS: suppressions_read(&run->suppressions, COMMAND, argument); return 0;
    case KEY_SUPPRESS_FUNCTION: suppressions_add(&run->suppressions, argument); return 0;
    case KEY_STATUS: run->status = parse_status(argument); return 0;
    case KEY_ALL: run->is_all = true; return 0;
    case ARGP_KEY_ARG:
        /* the remaining words belong to the program */
        run->program = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int leaks_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"all", KEY_ALL, NULL, 0, "also list blocks that can still be reached, as leaks", 0},
        {"suppress", KEY_SUPPRESS, "FILE", 0, "leave out stacks with functions in FILE", 0},
        {"suppress-function", KEY_SUPPRESS_FUNCTION, "PATTERN", 0, "the same for one pattern", 0},
        {"exit-status", KEY_STATUS, "N", 0, "the status when there are leaks (23)", 0},
        {"exact", KEY_EXACT, NULL, 0, "record each block's stack (the default)", 0},
        {"interval", KEY_INTERVAL, "BYTES", 0, "record one stack in BYTES on average", 0},
        {"output", 'o', "FILE", 0, "write the report to FILE (.json: as JSON)", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_leaks,
        .args_doc = "[--] PROGRAM [ARGUMENTS]",
        .doc = "Run a program, and list by call stack the blocks that it has lost when it ends: "
               "live blocks to which no pointer in its memory leads."
               "\v"
               "The exit status is the program's; if that is 0, it is 23 when there are leaks. A "
               "pattern for functions is written as for files in the shell (f, ns::*). A FILE of "
               "patterns has one a line; # begins a comment. A process that ends by _exit() or a "
               "signal is not looked at.",
    };
    static struct leaks_run run = {
        .output = {.command = COMMAND}, .interval = "1", .status = STATUS_DEFAULT};
    cli_parse(&argp, argc, argv, &run);
    if (!run.program)
        return cli_fail(EXIT_USAGE, COMMAND ": no program given (see " COMMAND " --help)");
    return run_program(&run);
}
