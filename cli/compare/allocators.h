/* SPDX-License-Identifier: MIT */
/*
 * The allocators of this machine that a program can be run on.
 */
#ifndef HAK_CLI_ALLOCATORS_H
#define HAK_CLI_ALLOCATORS_H

#include <stddef.h>

#define ALLOCATOR_GLIBC "glibc"
#define ALLOCATOR_OURS "hakmem"

/* The most letters in a name that the user gives. */
#define ALLOCATOR_NAME_MOST 15

struct allocator {
    char name[40];  /* in sentences, and for --only: "hakmem" */
    char label[48]; /* in tables: the name, or "as it is: jemalloc (linked)" */
    char *path;     /* the library to preload, absolute; NULL: none, the program as it is */
    char *also;     /* a second library to preload, or NULL */
};

struct allocator_list {
    struct allocator *rows;
    size_t count;
};

/* Find glibc, ours, and each known one that is installed and can be preloaded. */
void allocators_find(const char *command, struct allocator_list *list);

/* Add an allocator, or give a known one another library: NAME=PATH. A wrong argument ends the
 * process with one line that begins with `command`. */
void allocators_add(const char *command, struct allocator_list *list, const char *definition);

/* Keep only these (names with commas between them), in this order. */
void allocators_choose(const char *command, struct allocator_list *list, const char *names);

#endif
