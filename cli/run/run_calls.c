/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a program's calls. The program counts them itself, in memory that it shares with
 * the command: a file without a name, so nothing is left behind if either is killed.
 */
#include "run/run_calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/message.h"
#include "program/library.h"

void run_calls_begin(struct run_calls *calls, const char *command)
{
    char path[64];
    library_preload(command, LIBRARY_RECORDER);
    int fd = memfd_create("hakmem operations", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, sizeof *calls->shared) == 0)
        calls->shared = mmap(NULL, sizeof *calls->shared, PROT_READ, MAP_SHARED, fd, 0);
    if (!calls->shared || calls->shared == MAP_FAILED)
        exit(cli_fail(EXIT_INTERNAL, "%s: no memory for the counts: %s", command, strerror(errno)));
    /* stays open: the program finds it by this path */
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    cli_export(OPERATIONS_VARIABLE, path);
}

static uint64_t sum(const struct operations *shared, unsigned size_class, unsigned kind)
{
    uint64_t all = 0;
    for (unsigned place = 0; place < OPERATION_PLACES; place++)
        all += __atomic_load_n(&shared->calls[place][size_class][kind], __ATOMIC_RELAXED);
    return all;
}

void run_calls_end(struct run_calls *calls, pid_t pid)
{
    if (!calls->shared)
        return;
    calls->is_counted = calls->shared->pid == (uint64_t)pid;
    for (unsigned c = CLASS_FIRST; calls->is_counted && c <= CLASS_HUGE; c++)
        for (unsigned kind = 0; kind < OPERATION_KINDS; kind++) {
            calls->by_class[c][kind] = sum(calls->shared, c, kind);
            calls->total[kind] += calls->by_class[c][kind];
        }
}

uint64_t run_calls_new(const struct run_calls *calls, unsigned size_class)
{
    const uint64_t *kinds = calls->by_class[size_class];
    return kinds[OPERATION_MALLOC] + kinds[OPERATION_CALLOC] + kinds[OPERATION_ALIGNED];
}
