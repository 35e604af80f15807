/* SPDX-License-Identifier: MIT */
/*
 * Stops the threads of a process and reads their registers. Only for programs that the command has
 * started: no other process is ever stopped.
 */
#ifndef HAK_CLI_STOPPED_H
#define HAK_CLI_STOPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The number of words that are kept of a thread's registers. */
#define STOPPED_WORDS 40

struct stopped_thread {
    pid_t id;
    int signal; /* that it was about to get; 0: none */
    uint64_t stack_pointer;
    uint64_t words[STOPPED_WORDS];
    size_t word_count;
};

/* Purpose: the threads that are stopped. */
struct stopped {
    struct stopped_thread *threads;
    size_t count;
    bool is_complete; /* all threads of the process */
};

/* Stop all threads. Those that cannot be stopped run on; then it is not complete. */
void stopped_begin(struct stopped *stopped, pid_t pid);
/* Let them run. */
void stopped_end(struct stopped *stopped);

#endif
