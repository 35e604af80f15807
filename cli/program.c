/* SPDX-License-Identifier: MIT */
/*
 * The program that the command runs: started with the signal state of the command's caller, its
 * signals passed on, waited for. Called by run.c and record.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

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

static int fail_start(const char *command, const char *program, pid_t pid, int error)
{
    if (pid < 0)
        return cli_fail(EXIT_INTERNAL, "%s: cannot start a process: %s", command, strerror(error));
    if (error == ENOENT && strchr(program, '/') && access(program, F_OK) == 0)
        return cli_fail(EXIT_CANNOT_EXECUTE, "%s: cannot execute '%s': no such interpreter",
                        command, program);
    if (error == ENOENT)
        return cli_fail(EXIT_NOT_FOUND, "%s: '%s': no such program", command, program);
    return cli_fail(EXIT_CANNOT_EXECUTE, "%s: cannot execute '%s': %s", command, program,
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

int program_run(const char *command, char **argv, struct outcome *outcome)
{
    struct signals before;
    sigset_t awaited;
    *outcome = (struct outcome){.program = argv[0]};
    hold_signals(&before, &awaited);
    double start = seconds_now();
    int error = start_program(argv, &before, &outcome->pid);
    if (error)
        return fail_start(command, argv[0], outcome->pid, error);
    wait_program(&awaited, outcome);
    outcome->wall_seconds = seconds_now() - start;
    return EXIT_SUCCESS;
}

int program_status(const struct outcome *outcome)
{
    if (WIFSIGNALED(outcome->status))
        return EXIT_SIGNAL_BASE + WTERMSIG(outcome->status);
    return WEXITSTATUS(outcome->status);
}
