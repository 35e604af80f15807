/* SPDX-License-Identifier: MIT */
/*
 * `hakmem run`: finds the library, prepares the environment, runs the program with its signals
 * passed on, and ends with the program's report and its exit status. Called by main.c; calls
 * settings.c and report.c.
 */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

#define LIBRARY_NAME "libhakmem.so"
#define KEY_SET CLI_KEY(1)

/* ---- The library ---- */

/* The directory of this executable, with a slash at its end. */
static void own_directory(char directory[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);
    if (length < 0)
        exit(
            cli_fail(EXIT_INTERNAL, "hakmem run: cannot read /proc/self/exe: %s", strerror(errno)));
    directory[length] = '\0';
    *(strrchr(directory, '/') + 1) = '\0';
}

/* The library's absolute path. HAKMEM_LIBRARY names it, else it is where builds and packages put
 * it: seen from the executable. */
static void find_library(char library[PATH_MAX])
{
    static const char *const places[] = {"", "../lib/", "../lib/hakmem/",
                                         "../lib/x86_64-linux-gnu/"};
    const char *chosen = getenv(SETTING_PREFIX "LIBRARY");
    if (chosen && *chosen) {
        if (!realpath(chosen, library) || access(library, R_OK) != 0)
            exit(cli_fail(EXIT_INTERNAL, "hakmem run: " SETTING_PREFIX "LIBRARY=%s: %s", chosen,
                          strerror(errno)));
        return;
    }
    char directory[PATH_MAX];
    own_directory(directory);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char candidate[2 * PATH_MAX];
        snprintf(candidate, sizeof candidate, "%s%s" LIBRARY_NAME, directory, places[i]);
        if (realpath(candidate, library) && access(library, R_OK) == 0)
            return;
    }
    exit(cli_fail(EXIT_INTERNAL,
                  "hakmem run: no " LIBRARY_NAME " in %s or %s../lib (HAKMEM_LIBRARY can name it)",
                  directory, directory));
}

/* Put the library first in LD_PRELOAD, before what the user preloads. */
static void export_preload(void)
{
    char library[PATH_MAX];
    find_library(library);
    if (strpbrk(library, " :"))
        exit(cli_fail(EXIT_INTERNAL,
                      "hakmem run: LD_PRELOAD cannot name a path with a space or a colon: %s",
                      library));
    const char *others = getenv("LD_PRELOAD");
    char *list;
    if (asprintf(&list, "%s%s%s", library, others && *others ? ":" : "", others ? others : "") < 0)
        exit(cli_fail(EXIT_INTERNAL, "hakmem run: %s", strerror(errno)));
    cli_export("LD_PRELOAD", list);
    free(list);
}

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

/* ---- The program ---- */

/* Signals that end or steer a program: those sent to us go on to it. */
static const int forwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
/* The terminal sends these to the program too: nothing to do but to outlive them. */
static const int outlived[] = {SIGINT, SIGQUIT, SIGPIPE};

/* What the program gets back as it was. */
struct signals {
    sigset_t mask;
    struct sigaction child;
};

/* Hold every signal of interest back, for wait_program to fetch or for ever. */
static void hold_signals(struct signals *before, sigset_t *awaited)
{
    sigset_t held;
    sigemptyset(awaited);
    sigaddset(awaited, SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        sigaddset(awaited, forwarded[i]);
    held = *awaited;
    for (size_t i = 0; i < sizeof outlived / sizeof outlived[0]; i++)
        sigaddset(&held, outlived[i]);
    sigprocmask(SIG_BLOCK, &held, &before->mask);
    /* an ignored SIGCHLD, as some parents leave it, would lose the program's status */
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &standard, &before->child);
}

/* In the child: become the program, or tell the parent through `pipe_end` why not. */
static _Noreturn void become_program(char **argv, const struct signals *before, int pipe_end)
{
    sigaction(SIGCHLD, &before->child, NULL);
    sigprocmask(SIG_SETMASK, &before->mask, NULL);
    execvp(argv[0], argv);
    int error = errno;
    ssize_t written = write(pipe_end, &error, sizeof error);
    _exit(written == (ssize_t)sizeof error ? EXIT_NOT_FOUND : EXIT_INTERNAL);
}

/* Start the program. 0 when it runs, else the error that kept it from running; *pid is -1 when
 * there was not even a process. */
static int start_program(char **argv, const struct signals *before, pid_t *pid)
{
    int ends[2];
    *pid = -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    *pid = fork();
    if (*pid < 0)
        return errno;
    if (*pid == 0)
        become_program(argv, before, ends[1]);
    close(ends[1]);
    int error = 0;
    /* end of file: exec has closed the other end */
    ssize_t length = read(ends[0], &error, sizeof error);
    close(ends[0]);
    if (length != (ssize_t)sizeof error)
        return 0;
    waitpid(*pid, NULL, 0);
    return error;
}

static int fail_start(const char *program, pid_t pid, int error)
{
    if (pid < 0)
        return cli_fail(EXIT_INTERNAL, "hakmem run: cannot start a process: %s", strerror(error));
    if (error == ENOENT && strchr(program, '/') && access(program, F_OK) == 0)
        return cli_fail(EXIT_CANNOT_EXECUTE, "hakmem run: cannot execute '%s': no such interpreter",
                        program);
    if (error == ENOENT)
        return cli_fail(EXIT_NOT_FOUND, "hakmem run: '%s': no such program", program);
    return cli_fail(EXIT_CANNOT_EXECUTE, "hakmem run: cannot execute '%s': %s", program,
                    strerror(error));
}

/* Wait for the program's end. A signal is passed on only while its process is ours to name: it is
 * reaped here and nowhere else. */
static void wait_program(const sigset_t *awaited, struct outcome *outcome)
{
    for (;;) {
        int number = sigwaitinfo(awaited, NULL);
        if (number > 0 && number != SIGCHLD)
            kill(outcome->pid, number);
        if (wait4(outcome->pid, &outcome->status, WNOHANG, &outcome->usage) == outcome->pid)
            return;
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
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
    struct signals before;
    sigset_t awaited;
    struct outcome outcome = {.program = argv[0]};
    export_preload();
    prepare_directory(&directory);
    hold_signals(&before, &awaited);
    double start = seconds_now();
    int error = start_program(argv, &before, &outcome.pid);
    if (error) {
        remove_directory(&directory);
        return fail_start(argv[0], outcome.pid, error);
    }
    wait_program(&awaited, &outcome);
    outcome.wall_seconds = seconds_now() - start;
    struct report report = report_collect(directory.path, outcome.pid, directory.since);
    remove_directory(&directory);
    show_report(&outcome, &report);
    if (WIFSIGNALED(outcome.status))
        return EXIT_SIGNAL_BASE + WTERMSIG(outcome.status);
    return WEXITSTATUS(outcome.status);
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
