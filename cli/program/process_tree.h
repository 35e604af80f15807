/* SPDX-License-Identifier: MIT */
/*
 * A process and its descendants, read from /proc. Processes that end meanwhile do not count.
 */
#ifndef HAK_CLI_PROCESS_TREE_H
#define HAK_CLI_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TREE_MAX 1024

/* Purpose: the processes as they were at the last tree_refresh. pids[0] is the root. */
struct process_tree {
    size_t count;
    pid_t pids[TREE_MAX];
    pid_t largest; /* the largest at the last tree_rss; 0: none has memory */
    uint64_t largest_rss;
};

/* Find the descendants of `root` again. */
void tree_refresh(struct process_tree *tree, pid_t root);
/* Add a process, if it is not there yet, and its descendants. */
void tree_add(struct process_tree *tree, pid_t root);
bool tree_has(const struct process_tree *tree, pid_t pid);
/* The sum of their resident bytes: a page that several of them share counts for each. */
uint64_t tree_rss(struct process_tree *tree);
void tree_kill(const struct process_tree *tree, int number);

/* The kernel's figures about one process. Memory is 0 after its end. */
struct process_figures {
    uint64_t started; /* identifies the process, with the number: the kernel uses numbers again */
    char state;       /* R, S, Z, ... */
    bool is_copy;     /* it was forked and has executed no program since */
    uint64_t peak;    /* the most resident bytes since its start or its last exec */
    uint64_t rss;
    unsigned long minor_faults;
    unsigned long major_faults;
    unsigned long user_ticks;
    unsigned long system_ticks;
    long threads;
};
/* False if there is no such process. */
bool process_figures(pid_t pid, struct process_figures *figures);
/* Add the process's resident bytes, and its proportional ones: of a page that n processes share,
 * each has 1/n. */
void process_share(pid_t pid, uint64_t *rss, uint64_t *pss);
/* The command line, with a space between two arguments; "" if it is not known. */
void process_command(pid_t pid, char *text, size_t size);

#endif
