/* SPDX-License-Identifier: MIT */
/*
 * From the words on the command line to an open target with its heap copied; if that cannot be
 * done, the command ends with one line that says why.
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
        exit(cli_fail(EXIT_USAGE, "%s: '%.60s' is no process number", command, text));
    return (pid_t)number;
}

/* ---- the time that a look may take ---- */

#define LOOK_SECONDS 60

/* Wait for the child that looks, and end as it does. */
static _Noreturn void wait_for_look(const struct choice *choice, pid_t child, int pipe_end)
{
    struct pollfd ready = {.fd = pipe_end, .events = POLLIN};
    int status;
    if (poll(&ready, 1, LOOK_SECONDS * 1000) == 0) {
        kill(child, SIGKILL); /* it may hang in the kernel: it is not waited for */
        exit(cli_fail(EXIT_FAILURE, "%s: process %s: a look at it takes more than a minute",
                      choice->command, choice->pid));
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) /* whoever started the command has its children reaped at once */
            exit(EXIT_SUCCESS);
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL_BASE + WTERMSIG(status));
}

/* A process may make a look at it hang, by files of a file system of its own: so a child of the
 * command looks and goes on with the verb, and the command waits for it. The child closes the file
 * that is returned when it has looked; -1: nobody waits. */
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
    if (child == 0) /* else there is no room for one: the command looks itself */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ends[1];
}

/* ---- a program that is being started ---- */

/* For so long a process may be on the way to HAKMEM: the loader has not mapped it yet. */
#define START_SECONDS 0.2
#define START_PAUSE_NS 25000000

/* Is it worth another look at a process that could not be looked at? `mappings` were those of the
 * look before; 0: there was none. */
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
    bool is_limited = !choice->core && !choice->is_to_write && !choice->is_watch;
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
