/* SPDX-License-Identifier: MIT */
/*
 * Runs a program and waits for it.
 */
#ifndef HAK_CLI_PROGRAM_H
#define HAK_CLI_PROGRAM_H

#include <sys/resource.h>
#include <sys/types.h>

/* The kernel's report on a program that has ended. */
struct outcome {
    const char *program; /* as on the command line */
    pid_t pid;
    int status; /* from wait4 */
    double wall_seconds;
    struct rusage usage; /* for the program and the children that it waited for */
    int passed_on;       /* the last signal that was forwarded to it; 0: none */
};

/* A program to run, and functions that are called meanwhile. */
struct program {
    const char *command; /* our verb, for messages */
    char **argv;
    void (*prepare)(void *state); /* called in the child just before exec; or NULL */
    /* Called while it runs; returns the milliseconds until the next call. Or NULL. */
    unsigned (*watch)(void *state, pid_t pid);
    void *state;
    /* Called while it runs, each time the descriptor can be read. Or NULL. */
    void (*answer)(void *state, int from);
    int from;
};

/* Run a program to its end. Returns EXIT_SUCCESS if it ran, however it ended; else, after one line
 * that begins with the command, the exit status. */
int program_run(const struct program *program, struct outcome *outcome);

/* The exit status for a result: the program's status, or EXIT_SIGNAL_BASE plus its signal. */
int program_status(const struct outcome *outcome);

#endif
