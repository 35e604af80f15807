/* SPDX-License-Identifier: MIT */
/*
 * `hakmem profile`: writes the profile of a process, or of a program that it runs, to a file for
 * other tools. The profile of a program is read when the program is about to end: then its library
 * connects to the door, a socket of the command, and waits.
 */
#include <argp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/message.h"
#include "base/output.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "heap/process.h"
#include "program/library.h"
#include "program/loader.h"
#include "program/program.h"
#include "program/report_directory.h"
#include "settings/settings.h"
#include "sites/attach_profile.h"
#include "sites/formats.h"
#include "sites/verbs.h"

#define COMMAND "hakmem profile"
#define KEY_LIVE CLI_KEY(1)
#define KEY_ALLOCATED CLI_KEY(2)
#define KEY_PEAK CLI_KEY(3)
#define KEY_FOR CLI_KEY(10)
#define KEY_INTERVAL CLI_KEY(11)
/* How long a process that does not profile by itself is profiled without --for. */
#define FOR_DEFAULT 30
#define KEY_PINNED CLI_KEY(4)
#define SUFFIX ".pb.gz"

struct profile_input {
    struct choice choice;
    char **program;
    struct output output;
    enum figure figure;
    bool has_figure; /* an option has chosen the figure */
    format_write *write;
    struct attach_wish wish; /* its seconds: 0 without --for */
};

static int write_file(struct profile_input *input, const struct named_profile *named)
{
    input->write(output_begin(&input->output), named, input->figure);
    if (output_end(&input->output, EXIT_SUCCESS) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    symbols_say_missing(&named->symbols, COMMAND);
    return EXIT_SUCCESS;
}

/* ---- a process, or a core ---- */

/* Must the process be asked to profile? A process that profiles already has its profile at once. */
static bool is_to_attach(const struct profile_input *input, const struct heap_view *view)
{
    unsigned clients = 0;
    bool has_profile;
    return !input->choice.core && !view->is_empty &&
           (input->wish.seconds > 0 ||
            (profile_view_clients(view, &clients, &has_profile) && clients == 0));
}

static int take_profile(struct profile_input *input, bool is_attach, struct heap_view *view,
                        struct named_profile *named)
{
    if (is_attach) {
        if (input->wish.seconds == 0)
            input->wish.seconds = FOR_DEFAULT;
        return attach_profile(&input->wish, view, named);
    }
    return named_profile_open(named, view->target, view)
               ? EXIT_SUCCESS
               : cli_fail(EXIT_FAILURE, COMMAND ": %s", view->target->error);
}

/* If nothing is live any more, show what was allocated: in a short time, all of it may have been
 * freed. */
static void choose_shown(struct profile_input *input, const struct named_profile *named)
{
    if (input->has_figure || sites_sum(&named->view, FIGURE_LIVE) > 0 ||
        sites_sum(&named->view, FIGURE_ALLOCATED) == 0)
        return;
    input->figure = FIGURE_ALLOCATED;
    cli_say(COMMAND ": nothing of it is live any more: %s shows what was allocated",
            input->output.path);
}

static int profile_target(struct profile_input *input)
{
    struct target target;
    struct heap_view view;
    struct named_profile named;
    input->choice.is_to_write = input->choice.is_attach = !input->choice.core;
    choice_open(&input->choice, &target, &view);
    if (!output_open(&input->output))
        return EXIT_USAGE;
    bool is_attach = is_to_attach(input, &view);
    int status = take_profile(input, is_attach, &view, &named);
    if (status == EXIT_SUCCESS) {
        choose_shown(input, &named);
        status = write_file(input, &named);
        if (status == EXIT_SUCCESS && is_attach)
            cli_say(COMMAND ": the profile of %s is in %s", named.title, input->output.path);
        named_profile_close(&named);
    } else {
        output_drop(&input->output);
    }
    heap_view_close(&view);
    target_close(&target);
    return status;
}

/* ---- a program ---- */

static const struct setting_row *interval_row(void)
{
    const struct setting_row *row = setting_rows;
    while (strcmp(row->name, "PROFILE_INTERVAL") != 0)
        row++;
    return row;
}

/* Purpose: the processes that came to the door. Invariant: `named` is of the one that allocated
 * most, if any had a profile. */
struct visits {
    struct named_profile named;
    bool has_profile;
    unsigned profiles;
    double allocated;
    char error[sizeof((struct target *)0)->error];
};

static void keep_larger(struct visits *visits, struct named_profile *named)
{
    double allocated = sites_sum(&named->view, FIGURE_ALLOCATED);
    visits->profiles++;
    if (visits->has_profile && allocated <= visits->allocated) {
        named_profile_close(named);
        return;
    }
    if (visits->has_profile)
        named_profile_close(&visits->named);
    visits->named = *named;
    visits->has_profile = true;
    visits->allocated = allocated;
}

static void look_at(struct visits *visits, pid_t pid)
{
    struct target target;
    struct heap_view view;
    struct named_profile named;
    if (!target_open_process(&target, pid)) {
        snprintf(visits->error, sizeof visits->error, "%s", target.error);
        return;
    }
    if (heap_view_open(&view, &target)) {
        if (named_profile_open(&named, &target, &view))
            keep_larger(visits, &named);
        else
            snprintf(visits->error, sizeof visits->error, "%s", target.error);
        heap_view_close(&view);
    } else {
        snprintf(visits->error, sizeof visits->error, "%s", target.error);
    }
    target_close(&target);
}

static void answer(void *state, int door)
{
    pid_t pid;
    int visitor = door_accept(door, &pid);
    if (visitor < 0)
        return;
    look_at(state, pid);
    close(visitor);
}

/* There is no profile: write one line that says why. Returns the exit status. */
static int say_none(const struct visits *visits, const struct outcome *outcome)
{
    const char *reason = visits->error[0] ? visits->error : loader_explain(outcome->program);
    int status = program_status(outcome);
    if (!reason)
        reason = "it has not come to its end with HAKMEM in it";
    if (WIFSIGNALED(outcome->status))
        cli_fail(EXIT_INTERNAL, COMMAND ": no profile of '%s': signal %d (%s) has ended it",
                 outcome->program, WTERMSIG(outcome->status), strsignal(WTERMSIG(outcome->status)));
    else
        cli_fail(EXIT_INTERNAL, COMMAND ": no profile of '%s': %s", outcome->program, reason);
    return status == EXIT_SUCCESS ? EXIT_INTERNAL : status;
}

static int tell(struct profile_input *input, struct visits *visits, const struct outcome *outcome)
{
    if (!visits->has_profile) {
        output_drop(&input->output);
        return say_none(visits, outcome);
    }
    const char *path = input->output.path;
    if (write_file(input, &visits->named) != EXIT_SUCCESS)
        return EXIT_INTERNAL;
    if (visits->profiles > 1)
        cli_say(COMMAND ": the profile of %s, which allocated most of %u that ran, is in %s",
                visits->named.title, visits->profiles, path);
    else
        cli_say(COMMAND ": the profile of %s is in %s", visits->named.title, path);
    return program_status(outcome);
}

static int run_with_door(struct profile_input *input, const char *directory)
{
    static struct visits visits;
    struct outcome outcome;
    int door = door_open(directory);
    if (door < 0)
        return cli_fail(EXIT_INTERNAL, COMMAND ": cannot make a socket in %s", directory);
    const struct program program = {
        .command = COMMAND,
        .argv = input->program,
        .answer = answer,
        .from = door,
        .state = &visits,
    };
    int status = program_run(&program, &outcome);
    close(door);
    if (status == EXIT_SUCCESS)
        status = tell(input, &visits, &outcome);
    else
        output_drop(&input->output);
    if (visits.has_profile)
        named_profile_close(&visits.named);
    return status;
}

static int profile_program(struct profile_input *input)
{
    char directory[PATH_MAX];
    library_preload(COMMAND, LIBRARY_ALLOCATOR);
    if (!output_open(&input->output))
        return EXIT_USAGE;
    report_directory_make(COMMAND, directory);
    cli_export(SETTING_PREFIX "REPORT", directory);
    cli_export(SETTING_PREFIX "PROFILE", "1");
    if (input->wish.interval)
        cli_export(SETTING_PREFIX "PROFILE_INTERVAL",
                   setting_write(interval_row(), input->wish.interval).bytes);
    int status = run_with_door(input, directory);
    report_directory_remove(directory);
    return status;
}

/* ---- Arguments ---- */

static void choose_figure(struct profile_input *input, enum figure figure)
{
    input->figure = figure;
    input->has_figure = true;
}

static void choose_time(struct profile_input *input, const char *text)
{
    if (!text_to_seconds(text, &input->wish.seconds))
        exit(cli_fail(EXIT_USAGE,
                      COMMAND ": --for cannot be '%.60s': expected a time from 1ms to 168h, such "
                              "as 500ms, 60s, 5m or 1h",
                      text));
}

static void choose_interval(struct profile_input *input, const char *text)
{
    if (!setting_parse(interval_row(), text, &input->wish.interval))
        exit(cli_fail(EXIT_USAGE, COMMAND ": --interval cannot be '%.60s': expected %s", text,
                      setting_expectation(interval_row()).bytes));
}

static error_t parse_profile(int key, char *argument, struct argp_state *state)
{
    struct profile_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case 'o': input->output.path = argument; return 0;
    case KEY_LIVE: choose_figure(input, FIGURE_LIVE); return 0;
    case KEY_ALLOCATED: choose_figure(input, FIGURE_ALLOCATED); return 0;
    case KEY_PEAK: choose_figure(input, FIGURE_PEAK); return 0;
    case KEY_FOR: choose_time(input, argument); return 0;
    case KEY_INTERVAL: choose_interval(input, argument); return 0;
    case KEY_PINNED: choose_figure(input, FIGURE_PINNED); return 0;
    case CHOICE_KEY_CORE: input->choice.core = argument; return 0;
    case ARGP_KEY_ARG:
        if (state->quoted && !input->choice.pid && !input->choice.core) {
            /* the rest is the program's */
            input->program = state->argv + state->next - 1;
            state->next = state->argc;
            return 0;
        }
        if (input->choice.pid || input->choice.core)
            exit(cli_fail(EXIT_USAGE, COMMAND ": '%.60s' is one word too many", argument));
        input->choice.pid = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* PROGRAM.pb.gz, in the current directory. */
static void name_file(struct profile_input *input, char path[PATH_MAX])
{
    const char *slash = strrchr(input->program[0], '/');
    int length = snprintf(path, PATH_MAX, "%s" SUFFIX, slash ? slash + 1 : input->program[0]);
    if (length >= PATH_MAX)
        exit(cli_fail(EXIT_USAGE, COMMAND ": '%.60s...': name too long", input->program[0]));
    input->output.path = path;
}

static int check_words(struct profile_input *input, char path[PATH_MAX])
{
    if (input->program && !input->output.path)
        name_file(input, path);
    /* a program that has ended well has freed most of its memory */
    if (input->program && !input->has_figure)
        input->figure = FIGURE_PEAK;
    if (!input->program && !input->choice.pid && !input->choice.core)
        return cli_fail(EXIT_USAGE,
                        COMMAND ": no process or program given (see " COMMAND " --help)");
    if (input->wish.seconds > 0 && !input->choice.pid)
        return cli_fail(EXIT_USAGE, COMMAND ": --for is for a running process");
    if (input->wish.interval && input->choice.core)
        return cli_fail(EXIT_USAGE, COMMAND ": --interval is for a process or a program");
    if (!input->output.path)
        return cli_fail(EXIT_USAGE, COMMAND ": no file given: -o FILE (see " COMMAND " --help)");
    input->write = format_of(input->output.path);
    if (!input->write)
        return cli_fail(
            EXIT_USAGE,
            COMMAND
            ": '%.200s' does not say in which form: its name ends in none of " FORMAT_ENDINGS,
            input->output.path);
    return EXIT_SUCCESS;
}

int profile_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"output", 'o', "FILE", 0, "the file to write (PROGRAM" SUFFIX ")", 0},
        {"live", KEY_LIVE, NULL, 0, "live bytes (the default: a process)", 0},
        {"allocated", KEY_ALLOCATED, NULL, 0, "bytes allocated since profiling began", 0},
        {"peak", KEY_PEAK, NULL, 0, "live bytes at the peak (a program: the default)", 0},
        {"for", KEY_FOR, "TIME", 0, "how long to profile: 500ms, 60s, 5m, 1h (30s)", 0},
        {"interval", KEY_INTERVAL, "BYTES", 0, "mean bytes between two samples (512K)", 0},
        {"pinned", KEY_PINNED, NULL, 0, "free bytes that live blocks keep resident", 0},
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_profile,
        .args_doc = "PID\n--core FILE\n-- PROGRAM [ARGUMENTS]",
        .doc =
            "Write the heap profile of a process to a file, or run a program and write its profile "
            "when it ends. If the process runs without HAKMEM_PROFILE=1, profiling is on for the "
            "time "
            "of --for (30s), or until it ends, or Ctrl-C, and off after that."
            "\v"
            "The end of the file's name chooses the form: .html (a page with a flame graph), "
            ".pb.gz (go "
            "tool pprof), .heap (google-pprof), .folded (flame graph tools), .json (speedscope), "
            ".txt.",
    };
    struct profile_input input = {.choice = {.command = COMMAND},
                                  .output = {.command = COMMAND},
                                  .wish = {.command = COMMAND}};
    char path[PATH_MAX];
    cli_parse(&argp, argc, argv, &input);
    int status = check_words(&input, path);
    if (status != EXIT_SUCCESS)
        return status;
    return input.program ? profile_program(&input) : profile_target(&input);
}
