/* SPDX-License-Identifier: MIT */
/*
 * Runs a program and waits for it.
 */
#ifndef HAK_CLI_PROGRAM_H
#define HAK_CLI_PROGRAM_H

#include <sys/resource.h>
#include <sys/types.h>

/* What the kernel tells of a program that has ended. */
struct outcome {
    const char *program; /* as given on the command line */
    pid_t pid;
    int status; /* of wait4 */
    double wall_seconds;
    struct rusage usage; /* of the program and the children it waited for */
    int passed_on;       /* the last signal that was sent to us and went on to it; 0: none */
};

/* A program to run, and what to do meanwhile. */
struct program {
    const char *command; /* ours, for messages */
    char **argv;
    void (*prepare)(void *state); /* in the child, just before it becomes the program; or NULL */
    /* While it runs; returns how many ms to wait until the next look. Or NULL. */
    unsigned (*watch)(void *state, pid_t pid);
    void *state;
    /* While it runs, each time that there is something to read from the descriptor. Or NULL. */
    void (*answer)(void *state, int from);
    int from;
};

/* Run a program to its end. EXIT_SUCCESS when it ran, however it ended; else the status to exit
 * with, after one line that begins with the command. */
int program_run(const struct program *program, struct outcome *outcome);

/* What to exit with: the program's status, or EXIT_SIGNAL_BASE and its signal. */
int program_status(const struct outcome *outcome);

#endif
