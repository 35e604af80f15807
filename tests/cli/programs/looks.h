/* SPDX-License-Identifier: MIT */
/*
 * Owns how a program waits until the command that runs it (its parent) has looked at it. A sleep of
 * so many milliseconds would depend on how fast the machine is: a busy one may not look in time.
 * The command sleeps after each look, and the kernel counts how often a process goes to sleep.
 * Nothing here calls malloc: the heap stays as the command is to see it.
 */
#ifndef TESTS_CLI_PROGRAMS_LOOKS_H
#define TESTS_CLI_PROGRAMS_LOOKS_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long parent_sleeps(void)
{
    static const char name[] = "\nvoluntary_ctxt_switches:";
    char path[64];
    char text[8192];
    snprintf(path, sizeof path, "/proc/%d/status", (int)getppid());
    int file = open(path, O_RDONLY);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0)
        _exit(99);
    text[length] = '\0';
    const char *found = strstr(text, name);
    if (!found)
        _exit(99);
    return strtol(found + sizeof name - 1, NULL, 10);
}

/* Until the command has begun and ended `looks` looks. The look that it is in may have begun before
 * this call, so it is not counted. */
static void wait_for_looks(int looks)
{
    long first = parent_sleeps();
    while (parent_sleeps() < first + looks + 1)
        usleep(5000);
}

#endif
