/* SPDX-License-Identifier: MIT */
/*
 * A process and its descendants through /proc. Called by measure.c. They are called every few
 * milliseconds beside a program that is being measured: they read few files.
 */
#include "process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file's beginning as a string. */
static bool read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* The children of one thread. */
static void add_children(struct process_tree *tree, pid_t pid, const char *thread)
{
    char path[64];
    char text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int)pid, thread);
    if (!read_file(path, text, sizeof text))
        return;
    char *at = text;
    for (long child; tree->count < TREE_MAX && (child = strtol(at, &at, 10)) > 0;)
        tree->pids[tree->count++] = (pid_t)child;
}

void tree_refresh(struct process_tree *tree, pid_t root)
{
    tree->count = 1;
    tree->pids[0] = root;
    for (size_t i = 0; i < tree->count; i++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/%d/task", (int)tree->pids[i]);
        DIR *threads = opendir(path);
        if (!threads)
            continue;
        for (struct dirent *entry; (entry = readdir(threads));)
            if (entry->d_name[0] != '.')
                add_children(tree, tree->pids[i], entry->d_name);
        closedir(threads);
    }
}

uint64_t tree_rss(struct process_tree *tree)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t pages = 0;
    tree->largest = 0;
    tree->largest_rss = 0;
    for (size_t i = 0; i < tree->count; i++) {
        char path[32];
        char text[128];
        unsigned long resident;
        snprintf(path, sizeof path, "/proc/%d/statm", (int)tree->pids[i]);
        if (!read_file(path, text, sizeof text) || sscanf(text, "%*u %lu", &resident) != 1)
            continue;
        pages += resident;
        if (resident * page > tree->largest_rss) {
            tree->largest = tree->pids[i];
            tree->largest_rss = resident * page;
        }
    }
    return pages * page;
}

void tree_kill(const struct process_tree *tree, int number)
{
    for (size_t i = 0; i < tree->count; i++)
        kill(tree->pids[i], number);
}
