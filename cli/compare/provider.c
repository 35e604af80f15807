/* SPDX-License-Identifier: MIT */
/*
 * Finds the file that a process's malloc comes from. The allocator is named by symbols that only it
 * has, else by the file's name. The search follows the loader: it takes the first definition in its
 * order, which is the executable, then preloaded libraries, then all others.
 */
#include "compare/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "compare/allocators.h"
#include "compare/link_map.h"
#include "heap/symbol.h"

/* Bytes of one file that are read to find symbols. */
#define SYMBOL_BYTES_MOST ((uint64_t)1 << 30)
/* The most files for which it is remembered whether they define malloc. */
#define FILES_REMEMBERED 256

/* Each allocator is known by one of these symbols. Those of glibc come last: others define some of
 * them too. */
static const struct mark {
    const char *symbol;
    const char *name;
} marks[] = {
    {"hakmem_root", "hakmem"},
    {"mallctl", "jemalloc"},
    {"mi_malloc", "mimalloc"},
    {"tc_malloc", "tcmalloc"},
    {"MallocExtension_Internal_GetNumericProperty", "tcmalloc"},
    {"__TBB_malloc_proxy", "tbbmalloc"},
    {"get_malloc_info_v1", "snmalloc"},
    {"sn_rust_alloc", "snmalloc"},
    {"rpmalloc", "rpmalloc"},
    {"__scudo_print_stats", "scudo"},
    {"__asan_init", "asan"},
    {"gnu_get_libc_version", ALLOCATOR_GLIBC},
    {"main_arena", ALLOCATOR_GLIBC},
};

/* Builds of allocators whose functions have other names, so that they exist beside malloc. */
static const struct mark beside[] = {
    {"je_malloc", "jemalloc"},
    {"_rjem_malloc", "jemalloc"},
};

/* Files whose names say more than their symbols do. */
static const struct mark files[] = {
    {"libsnmalloc", "snmalloc"},
    {"libtcmalloc", "tcmalloc"},
};

static bool has_symbol(const char *path, const char *symbol)
{
    uint64_t allowance = SYMBOL_BYTES_MOST;
    uint64_t offset;
    return symbol_find(path, symbol, &allowance, &offset);
}

/* ---- Files, as the process sees them ---- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat first;
    struct stat second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* The path by which we reach a file of the process, whose root and working directory may be
 * others. */
static void path_in(pid_t pid, const char *name, char path[PATH_MAX + 32])
{
    snprintf(path, PATH_MAX + 32, "/proc/%d/%s%s", (int)pid, name[0] == '/' ? "root" : "cwd/",
             name);
}

/* Does a file define malloc? The same few files are asked about in each run. */
static bool defines_malloc(const char *path)
{
    static struct known {
        dev_t device;
        ino_t inode;
        struct timespec changed;
        bool has_malloc;
    } known[FILES_REMEMBERED];
    static size_t count;
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (known[i].device == status.st_dev && known[i].inode == status.st_ino &&
            memcmp(&known[i].changed, &status.st_mtim, sizeof status.st_mtim) == 0)
            return known[i].has_malloc;
    bool has_malloc = has_symbol(path, "malloc");
    if (count < FILES_REMEMBERED)
        known[count++] = (struct known){status.st_dev, status.st_ino, status.st_mtim, has_malloc};
    return has_malloc;
}

/* ---- Names ---- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Name the allocator of a file; our path to it is `path`. */
static void name_provider(struct provider *provider, const char *path)
{
    const char *base = base_of(provider->path);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (!has_symbol(path, marks[i].symbol))
            continue;
        snprintf(provider->name, sizeof provider->name, "%s", marks[i].name);
        return;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strncmp(base, files[i].symbol, strlen(files[i].symbol)) == 0)
            base = files[i].name;
    snprintf(provider->name, sizeof provider->name, "%.*s", (int)sizeof provider->name - 1,
             base[0] ? base : "an unknown one");
}

static void find_beside(struct provider *provider, const char *executable)
{
    for (size_t i = 0; i < sizeof beside / sizeof beside[0] && !provider->beside; i++) {
        if (!has_symbol(executable, beside[i].symbol))
            continue;
        provider->beside = beside[i].name;
        provider->beside_function = beside[i].symbol;
    }
}

/* Does a list of LD_PRELOAD name the file? */
static bool is_in_list(const char *list, const char *path)
{
    char name[PATH_MAX];
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, " :");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (length > 0 &&
            (strchr(name, '/') ? is_same_file(name, path) : strcmp(name, base_of(path)) == 0))
            return true;
        at += length + (at[length] != '\0');
    }
    return false;
}

/* Did the process start with the file in LD_PRELOAD? */
static bool is_preloaded(pid_t pid, const char *path)
{
    static const char variable[] = "LD_PRELOAD=";
    char environment[32];
    char *entry = NULL;
    size_t room = 0;
    bool is_found = false;
    snprintf(environment, sizeof environment, "/proc/%d/environ", (int)pid);
    FILE *in = fopen(environment, "re");
    if (!in)
        return false;
    while (!is_found && getdelim(&entry, &room, '\0', in) > 0)
        is_found = strncmp(entry, variable, sizeof variable - 1) == 0 &&
                   is_in_list(entry + sizeof variable - 1, path);
    free(entry);
    fclose(in);
    return is_found;
}

/* ---- The walk ---- */

struct walk {
    pid_t pid;
    const char *library;
    struct provider *provider;
};

static bool note_library(void *state, const char *name)
{
    struct walk *walk = state;
    struct provider *provider = walk->provider;
    char path[PATH_MAX + 32];
    path_in(walk->pid, name, path);
    if (walk->library && is_same_file(path, walk->library))
        provider->has_library = true;
    if (strcmp(base_of(name), "libc.so.6") == 0)
        snprintf(provider->libc, PATH_MAX, "%s", name);
    if (strncmp(base_of(name), "libstdc++.so", 12) == 0)
        snprintf(provider->cxx, PATH_MAX, "%s", name);
    if (provider->way == PROVIDER_UNKNOWN && defines_malloc(path)) {
        provider->way = is_preloaded(walk->pid, path) ? PROVIDER_PRELOADED : PROVIDER_LINKED;
        snprintf(provider->path, PATH_MAX, "%s", name);
        name_provider(provider, path);
    }
    return true;
}

bool provider_find(pid_t pid, const char *library, struct provider *provider)
{
    struct walk walk = {pid, library, provider};
    char executable[32];
    *provider = (struct provider){.way = PROVIDER_UNKNOWN};
    snprintf(executable, sizeof executable, "/proc/%d/exe", (int)pid);
    bool is_inside = defines_malloc(executable);
    if (is_inside)
        provider->way = PROVIDER_INSIDE;
    enum link_state state = link_map_walk(pid, note_library, &walk);
    if (state == LINK_UNKNOWN) {
        provider->way = PROVIDER_UNKNOWN;
        return false;
    }
    if (state == LINK_STATIC)
        provider->way = PROVIDER_INSIDE;
    if (provider->way == PROVIDER_INSIDE)
        name_provider(provider, executable);
    else
        find_beside(provider, executable);
    return provider->way != PROVIDER_UNKNOWN;
}

const char *provider_way_word(enum provider_way way)
{
    static const char *const words[] = {
        [PROVIDER_UNKNOWN] = NULL,
        [PROVIDER_LINKED] = "linked",
        [PROVIDER_PRELOADED] = "preloaded",
        [PROVIDER_INSIDE] = "static",
    };
    return words[way];
}

bool provider_is_glibc(const struct provider *provider)
{
    return strcmp(provider->name, ALLOCATOR_GLIBC) == 0;
}
