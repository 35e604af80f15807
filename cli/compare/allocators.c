/* SPDX-License-Identifier: MIT */
/*
 * Finds the allocators of this machine where packages and builds put their libraries, and tests
 * whether the loader accepts them.
 */
#include "compare/allocators.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/nearest.h"
#include "program/library.h"
#include "program/loader.h"

/* Each pattern in turn is looked for in all directories; %s is the machine. If a directory has
 * several files, the highest version counts. */
#define PATTERNS 3
static const struct known {
    const char *name;
    const char *patterns[PATTERNS];
} known[] = {
    {"mimalloc", {"libmimalloc.so.[0-9]*", "libmimalloc.so"}},
    {"jemalloc", {"libjemalloc.so.[0-9]*", "libjemalloc.so"}},
    {"tcmalloc", {"libtcmalloc_minimal.so.[0-9]*", "libtcmalloc.so.[0-9]*", "libtcmalloc*.so"}},
    {"tbbmalloc", {"libtbbmalloc_proxy.so.[0-9]*", "libtbbmalloc_proxy.so"}},
    {"snmalloc", {"libsnmallocshim.so*", "libsnmallocshim-*.so"}},
    {"rpmalloc", {"librpmallocwrap.so*", "librpmalloc.so*"}},
    {"scudo", {"libclang_rt.scudo_standalone-%s.so", "libclang_rt.scudo_standalone.so"}},
};
static const char *const directories[] = {
    "/usr/local/lib",
    "/usr/local/lib/%s-linux-gnu",
    "/usr/lib/%s-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/llvm-*/lib/clang/*/lib/linux",
    "/usr/lib/llvm-*/lib/clang/*/lib/%s-*linux-gnu",
    "/usr/lib/clang/*/lib/linux",
};

/* ---- The list ---- */

static struct allocator *find_row(const struct allocator_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->rows[i].name, name) == 0)
            return &list->rows[i];
    return NULL;
}

/* The row of this name; makes one if there is none. */
static struct allocator *make_row(struct allocator_list *list, const char *name)
{
    struct allocator *row = find_row(list, name);
    if (row)
        return row;
    list->rows = memory_resize(list->rows, list->count + 1, sizeof *list->rows);
    row = &list->rows[list->count++];
    *row = (struct allocator){.path = NULL};
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->label, sizeof row->label, "%s", name);
    return row;
}

static void set_path(struct allocator *row, const char *path)
{
    free(row->path);
    row->path = strdup(path);
    if (!row->path)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: %s", strerror(errno)));
}

/* ---- Files ---- */

static int compare_versions(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* Find the file of the highest version that matches directory/pattern. */
static bool find_file(const char *directory, const char *pattern, const char *machine,
                      char path[PATH_MAX])
{
    char both[256];
    char text[512];
    glob_t found;
    bool is_found = false;
    snprintf(both, sizeof both, "%s/%s", directory, pattern);
    /* each of the two contains the machine's name at most once */
    const char *at = strstr(both, "%s");
    snprintf(text, sizeof text, "%.*s%s%s", at ? (int)(at - both) : (int)strlen(both), both,
             at ? machine : "", at ? at + 2 : "");
    if (glob(text, GLOB_NOSORT, NULL, &found) != 0)
        return false;
    qsort(found.gl_pathv, found.gl_pathc, sizeof found.gl_pathv[0], compare_versions);
    for (size_t i = found.gl_pathc; i > 0 && !is_found; i--)
        is_found = realpath(found.gl_pathv[i - 1], path) && access(path, R_OK) == 0;
    globfree(&found);
    return is_found;
}

static bool find_known(const struct known *row, const char *machine, char path[PATH_MAX])
{
    for (size_t i = 0; i < PATTERNS && row->patterns[i]; i++)
        for (size_t j = 0; j < sizeof directories / sizeof directories[0]; j++)
            if (find_file(directories[j], row->patterns[i], machine, path))
                return true;
    return false;
}

/* ---- Names ---- */

void allocators_find(const char *command, struct allocator_list *list)
{
    char path[PATH_MAX];
    char reason[256];
    struct utsname system;
    uname(&system);
    make_row(list, ALLOCATOR_GLIBC);
    library_find(command, LIBRARY_ALLOCATOR, path);
    library_check(command, path);
    set_path(make_row(list, ALLOCATOR_OURS), path);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (find_known(&known[i], system.machine, path) &&
            loader_can_preload(path, reason, sizeof reason))
            set_path(make_row(list, known[i].name), path);
}

void allocators_add(const char *command, struct allocator_list *list, const char *definition)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    struct allocator row;
    char path[PATH_MAX];
    char reason[256];
    const char *equals = strchr(definition, '=');
    size_t length = strspn(definition, letters);
    if (!equals || length == 0 || definition + length != equals || length > ALLOCATOR_NAME_MOST)
        exit(cli_fail(EXIT_USAGE,
                      "%s: --allocator '%.60s': expected NAME=PATH, a name of 1 to %d letters, "
                      "digits, '.', '_' and '-'",
                      command, definition, ALLOCATOR_NAME_MOST));
    snprintf(row.name, sizeof row.name, "%.*s", (int)length, definition);
    if (strcmp(row.name, ALLOCATOR_GLIBC) == 0)
        exit(cli_fail(EXIT_USAGE,
                      "%s: --allocator '%.60s': %s is libc's own: it has no other library", command,
                      definition, row.name));
    if (!realpath(equals + 1, path) || access(path, R_OK) != 0)
        exit(cli_fail(EXIT_USAGE, "%s: --allocator %s: %s: %s", command, row.name, equals + 1,
                      strerror(errno)));
    library_check(command, path);
    if (!loader_can_preload(path, reason, sizeof reason))
        exit(cli_fail(EXIT_USAGE, "%s: --allocator %s: %s cannot be preloaded: %s", command,
                      row.name, path, reason));
    set_path(make_row(list, row.name), path);
}

static _Noreturn void fail_choice(const char *command, const struct allocator_list *list,
                                  const char *name)
{
    char names[256] = "";
    struct nearest nearest = nearest_begin(name, strlen(name));
    for (size_t i = 0; i < list->count; i++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "", list->rows[i].name);
        nearest_try(&nearest, list->rows[i].name);
    }
    exit(cli_fail(EXIT_USAGE,
                  "%s: --only: there is no allocator '%.40s' here: expected some of %s%s", command,
                  name, names, nearest_text(&nearest, "").bytes));
}

void allocators_choose(const char *command, struct allocator_list *list, const char *names)
{
    struct allocator_list chosen = {NULL, 0};
    for (const char *at = names;; at++) {
        char name[64];
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), at);
        const struct allocator *row = find_row(list, name);
        if (!row)
            fail_choice(command, list, name);
        struct allocator *copy = make_row(&chosen, name);
        if (row->path)
            set_path(copy, row->path);
        at += length;
        if (*at == '\0')
            break;
    }
    for (size_t i = 0; i < list->count; i++)
        free(list->rows[i].path);
    free(list->rows);
    *list = chosen;
}
