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
    PROVIDER_UNKNOWN,   /* the loader is still at work, or reading is not permitted */
    PROVIDER_LINKED,    /* a library that the program, or one of its libraries, was linked with */
    PROVIDER_PRELOADED, /* a library in LD_PRELOAD */
    PROVIDER_INSIDE,    /* the executable itself: it comes before preloaded libraries */
};

/* Purpose: the allocator of one process. Paths are those that the process uses; "" if none. */
struct provider {
    enum provider_way way;
    char name[24];               /* "jemalloc"; if unknown, the name of its file */
    char path[PATH_MAX];         /* the file that defines malloc; "" if it is the executable */
    char libc[PATH_MAX];         /* the libc of glibc, if it is loaded */
    char cxx[PATH_MAX];          /* the C++ library, if it is loaded */
    const char *beside;          /* an allocator that the executable has under other names */
    const char *beside_function; /* a function of it: "je_malloc" */
    bool has_library;            /* `library` is loaded */
};

/* Find the allocator of a process. `library` is a file that may be loaded in it, or NULL. False,
 * with PROVIDER_UNKNOWN, if it is not known yet. */
bool provider_find(pid_t pid, const char *library, struct provider *provider);

/* "linked", "preloaded", "static"; NULL if not known. */
const char *provider_way_word(enum provider_way way);

/* Is its malloc glibc's? */
bool provider_is_glibc(const struct provider *provider);

#endif
