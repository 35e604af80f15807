/* SPDX-License-Identifier: MIT */
/*
 * Finds a process and its descendants in /proc. These functions run every few milliseconds while a
 * program is being measured, so they read few files.
 */
#include "program/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read the beginning of a file as a string. */
static bool read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* Add the children of one thread. */
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

bool tree_has(const struct process_tree *tree, pid_t pid)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->pids[i] == pid)
            return true;
    return false;
}

void tree_add(struct process_tree *tree, pid_t root)
{
    size_t first = tree->count;
    if (first == TREE_MAX || tree_has(tree, root))
        return;
    tree->pids[tree->count++] = root;
    for (size_t i = first; i < tree->count; i++) {
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

void tree_refresh(struct process_tree *tree, pid_t root)
{
    tree->count = 0;
    tree_add(tree, root);
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

/* ---- one process ---- */

/* The number after "NAME:" in a file of lines in KiB, as bytes; 0 if there is none. */
static uint64_t bytes_at(const char *text, const char *name)
{
    const char *row = strstr(text, name);
    return row ? strtoull(row + strlen(name), NULL, 10) * 1024 : 0;
}

/* A flag in proc_pid_stat(5): the kernel's PF_FORKNOEXEC. */
#define FORKED_NO_EXEC 0x40u

/* Read fields 3, 14, 15 and others of proc_pid_stat(5). They come after the name, which may contain
 * any character. */
static bool read_stat(pid_t pid, struct process_figures *figures)
{
    char path[32];
    char text[1024];
    unsigned flags;
    unsigned long long started;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *after = read_file(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!after ||
        sscanf(after + 1,
               " %c %*d %*d %*d %*d %*d %u %lu %*u %lu %*u %lu %lu %*d %*d %*d %*d %ld "
               "%*d %llu",
               &figures->state, &flags, &figures->minor_faults, &figures->major_faults,
               &figures->user_ticks, &figures->system_ticks, &figures->threads, &started) != 8)
        return false;
    figures->started = started;
    figures->is_copy = flags & FORKED_NO_EXEC;
    return true;
}

bool process_figures(pid_t pid, struct process_figures *figures)
{
    char path[32];
    char text[4096];
    *figures = (struct process_figures){0};
    if (!read_stat(pid, figures))
        return false;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (read_file(path, text, sizeof text)) {
        figures->peak = bytes_at(text, "\nVmHWM:");
        figures->rss = bytes_at(text, "\nVmRSS:");
    }
    return true;
}

void process_share(pid_t pid, uint64_t *rss, uint64_t *pss)
{
    char path[40];
    char text[4096];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    if (!read_file(path, text, sizeof text))
        return;
    *rss += bytes_at(text, "\nRss:");
    *pss += bytes_at(text, "\nPss:");
}

void process_command(pid_t pid, char *text, size_t size)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    /* each argument ends with a NUL, the last one too; a script in one may have lines */
    for (ssize_t i = 0; i < length - 1; i++)
        if (text[i] == '\0' || text[i] == '\n')
            text[i] = ' ';
}

void tree_kill(const struct process_tree *tree, int number)
{
    for (size_t i = 0; i < tree->count; i++)
        kill(tree->pids[i], number);
}
