/* SPDX-License-Identifier: MIT */
/*
 * Reads all processes for the list of `hakmem top`. A process can make its reader slow, or make it
 * fail, on purpose. So a child of the command reads them, with a time limit for each process and
 * for all. A process that takes longer is shown as not readable, and is tried again more and more
 * seldom. If the time is over, the remaining processes keep their figures, and come first in the
 * next round.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "look/top.h"

#define LOOK_SECONDS 1.0
#define ROUND_SECONDS 2.0
/* A process without HAKMEM is read again after this many rounds: it may have loaded it. So is a
 * process that could not be read; for it the number doubles each time. */
#define FORGET_AFTER 10
#define RETRY_FIRST 10
#define RETRY_MOST 640

/* ---- processes that are not read in each round ---- */

/* A process, identified by its number and its executable: an exec makes it another one. */
struct stranger {
    pid_t pid;
    ino_t executable;
    bool is_unreadable; /* else it has no HAKMEM, or reading it is not permitted */
    bool is_refused;    /* reading it is not permitted */
    unsigned pause;     /* rounds to wait, if it cannot be read */
    unsigned retry_at;
    struct top_process row; /* its row on the screen */
};

static struct {
    struct stranger *rows;
    size_t count;
    unsigned rounds;
    pid_t next; /* the first process that the last round had no time for; 0: none */
} known;

static ino_t executable_of(pid_t pid)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

static struct stranger *find_stranger(pid_t pid)
{
    for (size_t i = 0; i < known.count; i++)
        if (known.rows[i].pid == pid)
            return &known.rows[i];
    return NULL;
}

/* Add a row for the process, or use the row with its number. */
static struct stranger *add_stranger(pid_t pid)
{
    struct stranger *stranger = find_stranger(pid);
    if (!stranger) {
        known.rows = memory_resize(known.rows, known.count + 1, sizeof *known.rows);
        stranger = &known.rows[known.count++];
        *stranger = (struct stranger){.pid = pid};
    }
    stranger->executable = executable_of(pid);
    return stranger;
}

static void set_row(struct stranger *stranger, const struct top_process *process, const char *why)
{
    struct top_process *row = &stranger->row;
    *row = (struct top_process){.pid = process->pid, .is_refused = stranger->is_refused};
    memcpy(row->program, process->program, sizeof row->program);
    memcpy(row->command, process->command, sizeof row->command);
    snprintf(row->trouble, sizeof row->trouble, "%s", why);
}

static void add_unreadable(const struct top_process *process, const char *why)
{
    struct stranger *stranger = add_stranger(process->pid);
    unsigned pause = stranger->pause ? 2 * stranger->pause : RETRY_FIRST;
    stranger->is_unreadable = true;
    stranger->is_refused = false;
    stranger->pause = pause < RETRY_MOST ? pause : RETRY_MOST;
    stranger->retry_at = known.rounds + stranger->pause;
    set_row(stranger, process, why);
}

/* Add a process without HAKMEM, or one that the user may not read. Processes of the kernel have no
 * command line, and nobody may read them: they are left out. */
static void add_without_heap(const struct top_process *process, bool is_refused)
{
    struct stranger *stranger = add_stranger(process->pid);
    stranger->is_unreadable = false;
    stranger->is_refused = is_refused && process->command[0];
    set_row(stranger, process, process->trouble);
}

/* Let processes without HAKMEM be read again, and forget those that have ended. */
static void forget_some(void)
{
    size_t kept = 0;
    if (known.rounds++ % FORGET_AFTER != 0)
        return;
    for (size_t i = 0; i < known.count; i++)
        if (known.rows[i].is_unreadable && executable_of(known.rows[i].pid) != 0)
            known.rows[kept++] = known.rows[i];
    known.count = kept;
}

static bool is_to_be_looked_at(pid_t pid)
{
    const struct stranger *stranger = find_stranger(pid);
    if (!stranger || stranger->executable != executable_of(pid))
        return true;
    return stranger->is_unreadable && stranger->retry_at <= known.rounds;
}

/* ---- the child that looks ---- */

/* The child's answer about one process. */
struct answer {
    pid_t pid;
    bool is_good;
    bool is_refused;
    bool is_damaged;
    struct top_process row;
};

/* Purpose: a round. */
struct round {
    struct top *top;
    const struct top_process *old;
    size_t old_count;
    pid_t *pids; /* processes to be read */
    size_t count;
    double deadline;
};

static bool write_answer(int pipe, const struct answer *answer)
{
    const char *from = (const char *)answer;
    for (size_t done = 0; done < sizeof *answer;) {
        ssize_t put = write(pipe, from + done, sizeof *answer - done);
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

_Noreturn static void answer_all(const struct round *round, size_t first, int pipe)
{
    static struct answer answer;
    signal(SIGPIPE, SIG_DFL);
    for (size_t i = first; i < round->count; i++) {
        struct look_result result = {.process = &answer.row};
        memset(&answer, 0, sizeof answer);
        answer.pid = round->pids[i];
        answer.is_good = top_look_at(round->top, round->pids[i], &result);
        answer.is_refused = result.is_refused;
        answer.is_damaged = result.is_damaged;
        if (!answer.is_good)
            snprintf(answer.row.trouble, sizeof answer.row.trouble, "%s", result.error);
        if (!write_answer(pipe, &answer))
            break;
    }
    _exit(0);
}

/* Start the child for the processes from `first` on; its number, or -1. */
static pid_t start_child(const struct round *round, size_t first, int *pipe_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0)
        answer_all(round, first, ends[1]);
    close(ends[1]);
    if (child < 0)
        close(ends[0]);
    *pipe_end = ends[0];
    return child;
}

/* A child that hangs in the kernel ends later: the command does not wait for it. */
static void end_child(pid_t child, int pipe_end)
{
    close(pipe_end);
    kill(child, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* Read the next whole answer; false if it does not come before `deadline`. */
static bool read_answer(int pipe_end, struct answer *answer, double deadline)
{
    for (size_t done = 0; done < sizeof *answer;) {
        struct pollfd ready = {.fd = pipe_end, .events = POLLIN};
        double left = deadline - clock_seconds();
        if (left <= 0 || poll(&ready, 1, (int)(left * 1000) + 1) == 0)
            return false;
        ssize_t got = read(pipe_end, (char *)answer + done, sizeof *answer - done);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* ---- a round ---- */

static const struct top_process *last_row(const struct round *round, pid_t pid)
{
    for (size_t i = 0; i < round->old_count; i++)
        if (round->old[i].pid == pid)
            return &round->old[i];
    return NULL;
}

static void add_row(struct top *top, const struct top_process *row)
{
    top->processes = memory_resize(top->processes, top->count + 1, sizeof *top->processes);
    top->processes[top->count++] = *row;
}

static void take_answer(struct round *round, const struct answer *answer)
{
    struct stranger *stranger = find_stranger(answer->pid);
    if (!answer->is_good && answer->is_damaged) {
        add_unreadable(&answer->row, answer->row.trouble);
        return;
    }
    if (!answer->is_good) {
        add_without_heap(&answer->row, answer->is_refused);
        return;
    }
    if (stranger) /* it can be read now */
        *stranger = known.rows[--known.count];
    struct top_process row = answer->row;
    const struct top_process *old = last_row(round, row.pid);
    row.last_live = old ? top_figure(&old->terms, ORDER_LIVE) : 0;
    add_row(round->top, &row);
}

/* Mark the process at which the child has stopped. Its memory is not touched again, and so neither
 * is its command line. */
static void give_up(pid_t pid, bool is_late)
{
    struct top_process process = {.pid = pid};
    if (top_read_name(&process))
        add_unreadable(&process,
                       is_late ? "a look at it takes more than a second" : "a look failed");
}

/* Read the processes from `first` on with one child. Returns the first that is left. */
static size_t look_at_some(struct round *round, size_t first)
{
    static struct answer answer;
    int pipe_end;
    size_t i = first;
    pid_t child = start_child(round, first, &pipe_end);
    if (child < 0)
        return round->count;
    for (; i < round->count; i++) {
        double due = clock_seconds() + LOOK_SECONDS;
        bool is_round_over = round->deadline < due;
        if (read_answer(pipe_end, &answer, is_round_over ? round->deadline : due)) {
            take_answer(round, &answer);
            continue;
        }
        bool is_late = clock_seconds() >= (is_round_over ? round->deadline : due);
        if (!is_late || !is_round_over)
            give_up(round->pids[i++], is_late);
        break;
    }
    end_child(child, pipe_end);
    return i;
}

static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a;
    pid_t right = *(const pid_t *)b;
    /* first those that the last round had no time for, then the others */
    bool is_left_late = left < known.next;
    bool is_right_late = right < known.next;
    if (is_left_late != is_right_late)
        return is_left_late - is_right_late;
    return (left > right) - (left < right);
}

static void list_pids(struct round *round)
{
    DIR *listing = opendir("/proc");
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid <= 0 || pid == getpid() || !is_to_be_looked_at(pid))
            continue;
        round->pids = memory_resize(round->pids, round->count + 1, sizeof *round->pids);
        round->pids[round->count++] = pid;
    }
    if (listing)
        closedir(listing);
    if (round->count > 0)
        qsort(round->pids, round->count, sizeof *round->pids, compare_pids);
}

void top_look_at_all(struct top *top)
{
    struct round round = {.top = top,
                          .old = top->processes,
                          .old_count = top->count,
                          .deadline = clock_seconds() + ROUND_SECONDS};
    top->processes = NULL;
    top->count = 0;
    forget_some();
    list_pids(&round);
    size_t at = 0;
    while (at < round.count && clock_seconds() < round.deadline)
        at = look_at_some(&round, at);
    known.next = at < round.count ? round.pids[at] : 0;
    for (; at < round.count; at++) {
        const struct top_process *old = last_row(&round, round.pids[at]);
        if (old && !old->trouble[0])
            add_row(top, old);
    }
    top->refused = 0;
    for (size_t i = 0; i < known.count; i++) {
        const struct stranger *stranger = &known.rows[i];
        top->refused += stranger->is_refused;
        if (stranger->is_unreadable || (stranger->is_refused && top->shows_refused))
            add_row(top, &stranger->row);
    }
    free((void *)(uintptr_t)round.old);
    free(round.pids);
}

void top_forget_all(void)
{
    free(known.rows);
    known.rows = NULL;
    known.count = 0;
}
