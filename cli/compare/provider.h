/* SPDX-License-Identifier: MIT */
/*
 * Which allocator a process really uses: the first file in its loader's order that defines malloc.
 */
#ifndef HAK_CLI_PROVIDER_H
#define HAK_CLI_PROVIDER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

enum provider_way {
    PROVIDER_UNKNOWN,   /* the loader is still at work, or the process may not be read */
    PROVIDER_LINKED,    /* a library that the program, or one of its libraries, was linked with */
    PROVIDER_PRELOADED, /* a library of the LD_PRELOAD that it was started with */
    PROVIDER_INSIDE,    /* the executable itself: no preloaded library comes before it */
};

/* Purpose: what is known of one process. Paths are as the process names the files; "" is none. */
struct provider {
    enum provider_way way;
    char name[24];               /* "jemalloc"; of an unknown one, its file's name */
    char path[PATH_MAX];         /* the file that defines malloc; "" when it is the executable */
    char libc[PATH_MAX];         /* glibc's libc, when it is loaded */
    char cxx[PATH_MAX];          /* the library of C++, when it is loaded */
    const char *beside;          /* an allocator that the executable has under names of its own */
    const char *beside_function; /* the name by which it is called: "je_malloc" */
    bool has_library;            /* the library that was asked for is loaded */
};

/* Look at a process. `library` is a file that may be loaded in it, or NULL. False, with
 * PROVIDER_UNKNOWN, when nothing can be said yet. */
bool provider_find(pid_t pid, const char *library, struct provider *provider);

/* "linked", "preloaded", "static"; NULL when it is not known. */
const char *provider_way_word(enum provider_way way);

/* Whether malloc is glibc's. */
bool provider_is_glibc(const struct provider *provider);

#endif
