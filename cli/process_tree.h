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
};

/* Find the descendants of `root` anew. */
void tree_refresh(struct process_tree *tree, pid_t root);
/* The sum of their resident bytes: pages that several of them share count for each. */
uint64_t tree_rss(const struct process_tree *tree);
enum library_state {
    LIBRARY_UNKNOWN, /* the loader may still come to it */
    LIBRARY_LOADED,  /* in one of them */
    LIBRARY_ABSENT   /* the root has no loader, or has passed it by */
};
/* What has become of a library in LD_PRELOAD, named by its real path. */
enum library_state tree_find_library(const struct process_tree *tree, const char *path);
void tree_kill(const struct process_tree *tree, int number);

#endif
