/* SPDX-License-Identifier: MIT */
/*
 * `hakmem compare`: runs the user's own command with each allocator of this machine, and tells
 * which differences are larger than the noise.
 */
#include "compare/compare.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "compare/verbs.h"

#define COMMAND "hakmem compare"

#define KEY_ALLOCATOR CLI_KEY(1)
#define KEY_ONLY CLI_KEY(2)
#define KEY_PRECISION CLI_KEY(3)
#define KEY_TIME CLI_KEY(4)
#define KEY_RUNS CLI_KEY(5)
#define KEY_INPUT CLI_KEY(6)
#define KEY_SHOW CLI_KEY(7)
#define KEY_JSON CLI_KEY(8)
#define KEY_HTML CLI_KEY(9)

#define RUNS_MOST 100000

struct options {
    struct comparison comparison;
    const char **added; /* NAME=PATH */
    size_t added_count;
    const char *only;
    const char *input;
    struct output json;
    struct output html;
};

/* ---- The job ---- */

/* The file is read from its start in each run, so it must be a regular file. Without a file there
 * is no input. */
static int open_input(const char *path)
{
    struct stat status;
    int fd = open(path ? path : "/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        exit(cli_fail(EXIT_USAGE, COMMAND ": cannot read '%s': %s", path, strerror(errno)));
    if (path && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)))
        exit(cli_fail(EXIT_USAGE,
                      COMMAND ": cannot read '%s': not a regular file, to be read in each run",
                      path));
    return fd;
}

static void choose_rows(struct options *options)
{
    struct comparison *comparison = &options->comparison;
    struct allocator_list list = {NULL, 0};
    allocators_find(COMMAND, &list);
    for (size_t i = 0; i < options->added_count; i++)
        allocators_add(COMMAND, &list, options->added[i]);
    if (options->only)
        allocators_choose(COMMAND, &list, options->only);
    compare_make_rows(comparison, &list);
}

static int status_of(const struct comparison *comparison)
{
    if (comparison->ending == ENDED_INTERRUPTED)
        return EXIT_SIGNAL_BASE + comparison->signal;
    for (size_t i = 0; i < comparison->count; i++)
        if (comparison->contenders[i].failure[0])
            return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

static int write_forms(struct options *options, int status)
{
    const struct comparison *comparison = &options->comparison;
    compare_print_text(stdout, comparison);
    if (options->json.path)
        compare_print_json(output_begin(&options->json), comparison);
    if (options->html.path)
        compare_print_html(output_begin(&options->html), comparison);
    return output_end(&options->html, output_end(&options->json, status));
}

static int run_comparison(struct options *options)
{
    struct comparison *comparison = &options->comparison;
    int status = EXIT_USAGE;
    comparison->job.input = open_input(options->input);
    choose_rows(options);
    if (output_open(&options->json) && output_open(&options->html)) {
        compare_measure(comparison);
        status = comparison->status;
        if (status == EXIT_SUCCESS)
            status = write_forms(options, status_of(comparison));
    }
    output_drop(&options->json);
    output_drop(&options->html);
    close(comparison->job.input);
    compare_free_rows(comparison);
    free(options->added);
    return status;
}

/* ---- Arguments ---- */

static double parse_number(const char *option, const char *text, double least, double most)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno || end == text || *end || !(value >= least && value <= most) ||
        strspn(text, "0123456789.") != strlen(text))
        exit(cli_fail(EXIT_USAGE, COMMAND ": --%s '%.40s': expected a number from %g to %g", option,
                      text, least, most));
    return value;
}

static size_t parse_runs(const char *text)
{
    uint64_t runs;
    if (!text_to_number(text, &runs) || runs < 1 || runs > RUNS_MOST)
        exit(cli_fail(EXIT_USAGE, COMMAND ": --runs '%.40s': expected a number from 1 to %d", text,
                      RUNS_MOST));
    return runs;
}

static error_t parse_compare(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    struct comparison *comparison = &options->comparison;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_ALLOCATOR:
        options->added = memory_resize(options->added, options->added_count + 1, sizeof(char *));
        options->added[options->added_count++] = argument;
        return 0;
    case KEY_ONLY: options->only = argument; return 0;
    case KEY_PRECISION:
        comparison->precision = parse_number("precision", argument, 0.01, 100) / 100;
        return 0;
    case KEY_TIME: comparison->time_limit = parse_number("time", argument, 0.1, 1e6); return 0;
    case KEY_RUNS: comparison->rounds_asked = parse_runs(argument); return 0;
    case KEY_INPUT: options->input = argument; return 0;
    case KEY_SHOW: comparison->job.shows_output = true; return 0;
    case KEY_JSON: options->json.path = argument; return 0;
    case KEY_HTML: options->html.path = argument; return 0;
    case ARGP_KEY_ARG:
        /* the remaining words belong to the program */
        comparison->job.argv = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option compare_options[] = {
    {"only", KEY_ONLY, "LIST", 0, "only these allocators: names with commas between", 0},
    {"allocator", KEY_ALLOCATOR, "NAME=PATH", 0, "also this library, or in place of the one found",
     0},
    {"precision", KEY_PRECISION, "PERCENT", 0, "stop when wall time is known this well (3)", 0},
    {"time", KEY_TIME, "SECONDS", 0, "stop after this time (60)", 0},
    {"runs", KEY_RUNS, "N", 0, "run each N times, however long that takes", 0},
    {"input", KEY_INPUT, "FILE", 0, "the program's standard input (/dev/null)", 0},
    {"show-output", KEY_SHOW, NULL, 0, "show what the program writes", 0},
    {"json", KEY_JSON, "FILE", 0, "write all figures of each run, as JSON", 0},
    {"html", KEY_HTML, "FILE", 0, "write an HTML page with plots", 0},
    CLI_OPTION_HELP,
    {0},
};

int compare_command(int argc, char **argv)
{
    static const struct argp argp = {
        .options = compare_options,
        .parser = parse_compare,
        .args_doc = "[--] PROGRAM [ARGUMENTS]",
        .doc = "Run a program under each allocator that is installed here, in turns, and compare "
               "time and memory."
               "\v"
               "Status 1: the program failed under some allocator, which is left out.",
    };
    struct options options = {
        .comparison = {.job.command = COMMAND, .precision = 0.03, .time_limit = 60},
        .json = {.command = COMMAND},
        .html = {.command = COMMAND},
    };
    cli_parse(&argp, argc, argv, &options);
    if (!options.comparison.job.argv)
        return cli_fail(EXIT_USAGE, COMMAND ": no program given (see " COMMAND " --help)");
    if (options.json.path && options.html.path && strcmp(options.json.path, options.html.path) == 0)
        return cli_fail(EXIT_USAGE, COMMAND ": --json and --html name the same file: expected two");
    return run_comparison(&options);
}
