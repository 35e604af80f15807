/* SPDX-License-Identifier: MIT */
/*
 * A process and its descendants, looked at through /proc. What is gone meanwhile does not count.
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
    pid_t largest; /* of the last tree_rss; 0: none has memory */
    uint64_t largest_rss;
};

/* Find the descendants of `root` anew. */
void tree_refresh(struct process_tree *tree, pid_t root);
/* Add a process that is not there yet, and its descendants. */
void tree_add(struct process_tree *tree, pid_t root);
bool tree_has(const struct process_tree *tree, pid_t pid);
/* The sum of their resident bytes: pages that several of them share count for each. */
uint64_t tree_rss(struct process_tree *tree);
void tree_kill(const struct process_tree *tree, int number);

/* What the kernel says of one process. Memory is 0 of one that has ended. */
struct process_figures {
    uint64_t started; /* with the number it is the process: numbers come again */
    char state;       /* R, S, Z, ... */
    bool is_copy;     /* forked, and no program executed since */
    uint64_t peak;    /* bytes resident, at most since its start or its last exec */
    uint64_t rss;
    unsigned long minor_faults;
    unsigned long major_faults;
    unsigned long user_ticks;
    unsigned long system_ticks;
    long threads;
};
/* False when there is no such process. */
bool process_figures(pid_t pid, struct process_figures *figures);
/* Add its resident bytes, and its proportional ones, where a page that n processes share is an n-th
 * for each. */
void process_share(pid_t pid, uint64_t *rss, uint64_t *pss);
/* The command line, with a space between two arguments; "" when it is not known. */
void process_command(pid_t pid, char *text, size_t size);

#endif
