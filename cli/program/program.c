/* SPDX-License-Identifier: MIT */
/*
 * Runs the user's program: it starts with the signal state of the command's caller; signals are
 * forwarded to it; it is watched and waited for.
 */
#include "program/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"

/* Signals that end or control a program: if they are sent to us, they are forwarded to it. */
static const int forwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
/* The terminal sends these to the program too: we only have to survive them. */
static const int outlived[] = {SIGINT, SIGQUIT, SIGPIPE};

/* The signal state that is restored for the program. */
struct signals {
    bool is_saved;
    sigset_t mask;
    struct sigaction child;
};

/* Block every signal of interest; wait_program may fetch them. `before` is written only the first
 * time: a second program starts like the first. */
static void hold_signals(struct signals *before, sigset_t *awaited)
{
    struct signals now = {.is_saved = true};
    sigset_t held;
    sigemptyset(awaited);
    sigaddset(awaited, SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        sigaddset(awaited, forwarded[i]);
    held = *awaited;
    for (size_t i = 0; i < sizeof outlived / sizeof outlived[0]; i++)
        sigaddset(&held, outlived[i]);
    sigprocmask(SIG_BLOCK, &held, &now.mask);
    /* if a parent left SIGCHLD ignored, the program's status would be lost */
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &standard, &now.child);
    if (!before->is_saved)
        *before = now;
}

/* In the child: execute the program, or tell the parent through `pipe_end` why that fails. */
static _Noreturn void become_program(const struct program *program, const struct signals *before,
                                     int pipe_end)
{
    sigaction(SIGCHLD, &before->child, NULL);
    sigprocmask(SIG_SETMASK, &before->mask, NULL);
    if (program->prepare)
        program->prepare(program->state);
    execvp(program->argv[0], program->argv);
    int error = errno;
    ssize_t written = write(pipe_end, &error, sizeof error);
    _exit(written == (ssize_t)sizeof error ? EXIT_NOT_FOUND : EXIT_INTERNAL);
}

/* Start the program. Returns 0 if it runs, else the error; *pid is -1 if there was not even a
 * process. */
static int start_program(const struct program *program, const struct signals *before, pid_t *pid)
{
    int ends[2];
    *pid = -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    *pid = fork();
    if (*pid < 0)
        return errno;
    if (*pid == 0)
        become_program(program, before, ends[1]);
    close(ends[1]);
    int error = 0;
    /* end of file means that exec has closed the other end */
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

/* Purpose: what else is waited for while a program runs. */
struct wait {
    const struct program *program;
    int signals;    /* a signalfd */
    double next_at; /* when to look again */
};

/* Look if it is time. Returns the milliseconds until the next look; -1: for ever. */
static int look_if_due(struct wait *wait, pid_t pid)
{
    const struct program *program = wait->program;
    if (!program->watch)
        return -1;
    double now = clock_seconds();
    if (now >= wait->next_at) {
        unsigned wait_ms = program->watch(program->state, pid);
        now = clock_seconds();
        wait->next_at = now + wait_ms / 1000.0;
    }
    /* rounded up: a look is never early */
    return (int)((wait->next_at - now) * 1000) + 1;
}

/* Wait for the next signal; 0 after another event. */
static int await_signal(struct wait *wait, pid_t pid)
{
    const struct program *program = wait->program;
    struct pollfd ends[2] = {{wait->signals, POLLIN, 0}, {program->from, POLLIN, 0}};
    int wait_ms = look_if_due(wait, pid);
    struct signalfd_siginfo signal;
    if (poll(ends, program->answer ? 2 : 1, wait_ms) <= 0)
        return 0;
    if (program->answer && ends[1].revents)
        program->answer(program->state, program->from);
    return read(wait->signals, &signal, sizeof signal) == sizeof signal ? (int)signal.ssi_signo : 0;
}

/* Wait for the end of the program. Until it is reaped, which happens only here, its number is
 * certainly its own: so a signal is forwarded only before that. */
static void wait_program(struct wait *wait, struct outcome *outcome)
{
    for (;;) {
        int number = await_signal(wait, outcome->pid);
        if (number > 0 && number != SIGCHLD) {
            kill(outcome->pid, number);
            outcome->passed_on = number;
        }
        if (wait4(outcome->pid, &outcome->status, WNOHANG, &outcome->usage) == outcome->pid)
            return;
    }
}

int program_run(const struct program *program, struct outcome *outcome)
{
    static struct signals before;
    sigset_t awaited;
    *outcome = (struct outcome){.program = program->argv[0]};
    hold_signals(&before, &awaited);
    struct wait wait = {program, signalfd(-1, &awaited, SFD_CLOEXEC | SFD_NONBLOCK), 0};
    if (wait.signals < 0)
        return cli_fail(EXIT_INTERNAL, "%s: cannot make a signalfd: %s", program->command,
                        strerror(errno));
    double start = clock_seconds();
    int error = start_program(program, &before, &outcome->pid);
    if (!error)
        wait_program(&wait, outcome);
    close(wait.signals);
    if (error)
        return fail_start(program->command, program->argv[0], outcome->pid, error);
    outcome->wall_seconds = clock_seconds() - start;
    return EXIT_SUCCESS;
}

int program_status(const struct outcome *outcome)
{
    if (WIFSIGNALED(outcome->status))
        return EXIT_SIGNAL_BASE + WTERMSIG(outcome->status);
    return WEXITSTATUS(outcome->status);
}
