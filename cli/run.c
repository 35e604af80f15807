/* SPDX-License-Identifier: MIT */
/*
 * `hakmem run`: prepares the environment, runs the program on the library, and ends with the
 * program's report and its exit status. Called by main.c; calls library.c, program.c, settings.c
 * and report.c.
 */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define KEY_SET CLI_KEY(1)

/* ---- The directory of the reports ---- */

struct report_directory {
    char path[PATH_MAX];
    bool is_private;       /* made here, and removed in the end */
    struct timespec since; /* reports older than this are not of this run */
};

static void make_private_directory(char path[PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    char absolute[PATH_MAX];
    if (!parent || !realpath(parent, absolute))
        strcpy(absolute, "/tmp");
    int length = snprintf(path, PATH_MAX, "%s/hakmem.XXXXXX", absolute);
    if (length >= PATH_MAX || !mkdtemp(path))
        exit(cli_fail(EXIT_INTERNAL, "hakmem run: cannot make a directory in %s: %s", absolute,
                      strerror(errno)));
}

/* The user's directory if one is set, else a private one; exported with its absolute path. */
static void prepare_directory(struct report_directory *directory)
{
    const char *name = SETTING_PREFIX "REPORT";
    const char *chosen = getenv(name);
    *directory = (struct report_directory){.is_private = !chosen || !*chosen};
    if (directory->is_private) {
        make_private_directory(directory->path);
    } else {
        struct stat status;
        if (!realpath(chosen, directory->path) || stat(directory->path, &status) != 0 ||
            !S_ISDIR(status.st_mode) || access(directory->path, W_OK | X_OK) != 0)
            exit(cli_fail(EXIT_USAGE,
                          "hakmem run: %s cannot be '%s': expected a directory to write to", name,
                          chosen));
        /* the clock that stamps files */
        clock_gettime(CLOCK_REALTIME_COARSE, &directory->since);
    }
    cli_export(name, directory->path);
}

static void remove_directory(const struct report_directory *directory)
{
    if (!directory->is_private)
        return;
    DIR *listing = opendir(directory->path);
    if (listing) {
        for (struct dirent *entry; (entry = readdir(listing));)
            unlinkat(dirfd(listing), entry->d_name, 0);
        closedir(listing);
    }
    rmdir(directory->path);
}

/* The report in one write, so that it stays in one piece beside the output of others. */
static void show_report(const struct outcome *outcome, const struct report *report)
{
    char text[4096];
    FILE *out = fmemopen(text, sizeof text, "w");
    if (!out)
        return;
    report_print(out, outcome, report);
    fclose(out);
    fputs(text, stderr);
}

static int run_program(char **argv)
{
    struct report_directory directory;
    struct outcome outcome;
    library_preload("hakmem run", LIBRARY_ALLOCATOR);
    prepare_directory(&directory);
    const struct program program = {.command = "hakmem run", .argv = argv};
    int status = program_run(&program, &outcome);
    if (status != EXIT_SUCCESS) {
        remove_directory(&directory);
        return status;
    }
    struct report report = report_collect(directory.path, outcome.pid, directory.since);
    remove_directory(&directory);
    show_report(&outcome, &report);
    return program_status(&outcome);
}

/* ---- Arguments ---- */

static error_t parse_run(int key, char *argument, struct argp_state *state)
{
    char ***program = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_SET: settings_export(argument); return 0;
    case ARGP_KEY_ARG:
        /* the rest is the program's */
        *program = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int run_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"set", KEY_SET, "NAME=VALUE", 0, "run it with this setting (see hakmem settings)", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_run,
        .args_doc = "[--] PROGRAM [ARGUMENTS]",
        .doc = "Run a program on the HAKMEM allocator, and end with a report on standard error."
               "\v"
               "The exit status is the program's; 128 and the signal's number when a signal killed "
               "it; 127 when there is no such program, 126 when it cannot be executed, 125 when "
               "hakmem itself fails, 2 when the command line is wrong.",
    };
    char **program = NULL;
    cli_parse(&argp, argc, argv, &program);
    if (!program)
        return cli_fail(EXIT_USAGE, "hakmem run: no program given (see hakmem run --help)");
    return run_program(program);
}
