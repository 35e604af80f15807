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

#define TREE_MAX 512

/* Purpose: the processes as they were at the last tree_refresh. pids[0] is the root. */
struct process_tree {
    size_t count;
    pid_t pids[TREE_MAX];
    pid_t largest; /* of the last tree_rss; 0: none has memory */
    uint64_t largest_rss;
};

/* Find the descendants of `root` anew. */
void tree_refresh(struct process_tree *tree, pid_t root);
/* The sum of their resident bytes: pages that several of them share count for each. */
uint64_t tree_rss(struct process_tree *tree);
void tree_kill(const struct process_tree *tree, int number);

#endif
