/* SPDX-License-Identifier: MIT */
/*
 * From the words on the command line to an open target with a copy of its heap. If that fails, the
 * command ends with one line that says why.
 */
#include "heap/choose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/text.h"
#include "heap/copy.h"
#include "heap/core_file.h"
#include "heap/process.h"

pid_t choice_pid(const char *command, const char *text)
{
    uint64_t number;
    if (!text_to_number(text, &number) || number == 0 || number > INT_MAX)
        exit(cli_fail(EXIT_USAGE, "%s: '%.60s' is not a process number", command, text));
    return (pid_t)number;
}

/* ---- the time that a look may take ---- */

#define LOOK_SECONDS 60

static pid_t looking_child;

/* The terminal sends its signals to the child too. */
static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code != SI_KERNEL)
        kill(looking_child, signal_number);
}

/* A child that ends its work on a signal must not lose its parent by it. */
static void pass_signals_on(pid_t child)
{
    static const int passed[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    looking_child = child;
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        struct sigaction before;
        if (sigaction(passed[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(passed[i], &action, NULL);
    }
}

/* Has the child come so far in time? */
static bool is_in_time(int pipe_end)
{
    struct pollfd ready = {.fd = pipe_end, .events = POLLIN};
    double end = clock_seconds() + LOOK_SECONDS;
    for (;;) {
        double left = end - clock_seconds();
        int found = left > 0 ? poll(&ready, 1, (int)(left * 1000) + 1) : 0;
        if (found != -1 || errno != EINTR)
            return found != 0;
    }
}

/* Wait for the child that reads the target, and end with its status. */
static _Noreturn void wait_for_look(const struct choice *choice, pid_t child, int pipe_end)
{
    int status;
    if (choice->is_attach)
        pass_signals_on(child);
    if (!is_in_time(pipe_end)) {
        kill(child, SIGKILL); /* it may hang in the kernel, so nobody waits for it */
        exit(cli_fail(EXIT_FAILURE, "%s: process %s: a look at it takes more than a minute",
                      choice->command, choice->pid));
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) /* SIGCHLD is ignored: its children are reaped at once */
            exit(EXIT_SUCCESS);
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL_BASE + WTERMSIG(status));
}

/* A process can make its reader hang, by files of a file system of its own. So a child of the
 * command reads the process and runs the rest of the verb; the command waits for the child, but not
 * for ever. The child closes the returned file when it has read the process; -1: nobody waits for
 * it. */
static int begin_look(const struct choice *choice)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child > 0) {
        close(ends[1]);
        wait_for_look(choice, child, ends[0]);
    }
    close(ends[0]);
    if (child == 0) /* if there is no room for a child, the command reads the process itself */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ends[1];
}

/* ---- a program that is being started ---- */

/* How long a process may take from its start until the loader has mapped HAKMEM. */
#define START_SECONDS 0.2
#define START_PAUSE_NS 25000000

/* Should a process that could not be read be tried again? `mappings` is their number at the last
 * try; 0: there was none. */
static bool is_starting(const struct target *target, size_t mappings)
{
    uint64_t rss;
    if (target->is_gone)
        return target_rss(target, &rss);
    return target->is_without &&
           (target->mapping_count != mappings || process_names_library(target));
}

static bool open_process(struct target *target, pid_t pid, bool is_to_write)
{
    return is_to_write ? target_open_to_write(target, pid) : target_open_process(target, pid);
}

bool choice_view_open(struct heap_view *view, struct target *target, bool is_to_write)
{
    const struct timespec pause = {.tv_nsec = START_PAUSE_NS};
    double end = clock_seconds() + START_SECONDS;
    size_t mappings = 0;
    while (!heap_view_open(view, target)) {
        if (target->is_core || clock_seconds() > end || !is_starting(target, mappings))
            return false;
        pid_t pid = target->pid;
        mappings = target->mapping_count;
        nanosleep(&pause, NULL);
        target_close(target);
        if (!open_process(target, pid, is_to_write))
            return false;
    }
    return true;
}

/* ---- opening ---- */

void choice_open(const struct choice *choice, struct target *target, struct heap_view *view)
{
    if (!choice->pid && !choice->core)
        exit(cli_fail(EXIT_USAGE, "%s: no process given (see %s --help)", choice->command,
                      choice->command));
    bool is_open = false;
    bool is_limited = !choice->core && !choice->is_watch &&
                      (!choice->is_to_write || choice->is_attach);
    int look = is_limited ? begin_look(choice) : -1;
    if (choice->core)
        is_open = target_open_core(target, choice->core);
    else
        is_open = open_process(target, choice_pid(choice->command, choice->pid),
                               choice->is_to_write);
    if (!is_open || !choice_view_open(view, target, choice->is_to_write))
        exit(cli_fail(EXIT_FAILURE, "%s: %s", choice->command, target->error));
    if (look >= 0)
        close(look);
}

const char *choice_title(const struct target *target)
{
    static char title[128];
    snprintf(title, sizeof title, "%s%s [%d]", target->is_core ? "core file of " : "",
             target->program[0] ? target->program : "?", (int)target->pid);
    return title;
}
