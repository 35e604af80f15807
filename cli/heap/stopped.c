/* SPDX-License-Identifier: MIT */
/*
 * Stops threads by ptrace, until /proc/PID/task lists no thread that runs. A thread that does not
 * stop in time is left alone.
 */
#include "heap/stopped.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

#define STOP_SECONDS 5.0
#define PAUSE_NS 200000
/* The most looks at the list of threads: each may find threads made since the last one. */
#define ROUNDS_MAX 20
#define THREADS_MAX ((size_t)1 << 16)

_Static_assert(sizeof(struct user_regs_struct) / sizeof(uint64_t) <= STOPPED_WORDS, "they fit");

#ifdef __aarch64__
#define STACK_POINTER(registers) ((registers).sp)
#else
#define STACK_POINTER(registers) ((registers).rsp)
#endif

static bool read_registers(struct stopped_thread *thread)
{
    struct user_regs_struct registers;
    struct iovec place = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, thread->id, (void *)NT_PRSTATUS, &place) != 0)
        return false;
    thread->word_count = sizeof registers / sizeof thread->words[0];
    memcpy(thread->words, &registers, thread->word_count * sizeof thread->words[0]);
    thread->stack_pointer = STACK_POINTER(registers);
    return true;
}

/* A thread may stop for a signal first, which it must get later. */
static bool await_stop(struct stopped_thread *thread)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    double end = clock_seconds() + STOP_SECONDS;
    int status;
    for (;;) {
        pid_t got = waitpid(thread->id, &status, __WALL | WNOHANG);
        if (got == thread->id) {
            thread->signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
            return WIFSTOPPED(status);
        }
        if ((got < 0 && errno != EINTR) || clock_seconds() > end)
            return false;
        nanosleep(&pause, NULL);
    }
}

static void detach(const struct stopped_thread *thread)
{
    ptrace(PTRACE_DETACH, thread->id, NULL, (void *)(uintptr_t)(unsigned)thread->signal);
}

static bool stop_thread(struct stopped_thread *thread)
{
    if (ptrace(PTRACE_SEIZE, thread->id, NULL, NULL) != 0)
        return false;
    if (ptrace(PTRACE_INTERRUPT, thread->id, NULL, NULL) == 0 && await_stop(thread) &&
        read_registers(thread))
        return true;
    detach(thread);
    return false;
}

static bool has_thread(const struct stopped *stopped, pid_t id)
{
    for (size_t i = 0; i < stopped->count; i++)
        if (stopped->threads[i].id == id)
            return true;
    return false;
}

static void add_thread(struct stopped *stopped, const struct stopped_thread *thread)
{
    if ((stopped->count & (stopped->count - 1)) == 0)
        stopped->threads = memory_resize(stopped->threads, stopped->count ? 2 * stopped->count : 1,
                                         sizeof *stopped->threads);
    stopped->threads[stopped->count++] = *thread;
}

/* Stop the threads that are listed and not stopped yet. Returns how many were stopped now. */
static size_t stop_listed(struct stopped *stopped, pid_t pid)
{
    char path[64];
    size_t before = stopped->count;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *listing = opendir(path);
    stopped->is_complete = listing != NULL;
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        struct stopped_thread thread = {.id = atoi(entry->d_name)};
        if (thread.id <= 0 || has_thread(stopped, thread.id))
            continue;
        if (stopped->count < THREADS_MAX && stop_thread(&thread))
            add_thread(stopped, &thread);
        else
            stopped->is_complete = false;
    }
    if (listing)
        closedir(listing);
    return stopped->count - before;
}

void stopped_begin(struct stopped *stopped, pid_t pid)
{
    *stopped = (struct stopped){0};
    for (unsigned round = 0; round < ROUNDS_MAX && stop_listed(stopped, pid) > 0; round++)
        ;
}

void stopped_end(struct stopped *stopped)
{
    for (size_t i = 0; i < stopped->count; i++)
        detach(&stopped->threads[i]);
    free(stopped->threads);
    *stopped = (struct stopped){0};
}
