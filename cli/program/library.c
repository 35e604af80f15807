/* SPDX-License-Identifier: MIT */
/*
 * Finds the libraries that the command preloads into programs, and sets LD_PRELOAD.
 */
#include "program/library.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "program/loader.h"
#include "settings/settings.h"

/* The directory of this executable, with a slash at its end. */
static void own_directory(const char *command, char directory[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);
    if (length < 0)
        exit(cli_fail(EXIT_INTERNAL, "%s: cannot read /proc/self/exe: %s", command,
                      strerror(errno)));
    directory[length] = '\0';
    *(strrchr(directory, '/') + 1) = '\0';
}

/* Has the user named the library? A name that is of no use ends the process. */
static bool is_chosen(const char *command, const char *chosen, char library[PATH_MAX])
{
    if (!chosen || !*chosen)
        return false;
    if (!realpath(chosen, library) || access(library, R_OK) != 0)
        exit(cli_fail(EXIT_INTERNAL, "%s: " SETTING_PREFIX "LIBRARY=%s: %s", command, chosen,
                      strerror(errno)));
    return true;
}

/* Libraries are looked for where builds and packages put them, relative to the executable. */
static void find_library(const char *command, const char *name, char library[PATH_MAX])
{
    static const char *const places[] = {"", "../lib/", "../lib/hakmem/",
                                         "../lib/x86_64-linux-gnu/"};
    char directory[PATH_MAX];
    own_directory(command, directory);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char candidate[2 * PATH_MAX];
        snprintf(candidate, sizeof candidate, "%s%s%s", directory, places[i], name);
        if (realpath(candidate, library) && access(library, R_OK) == 0)
            return;
    }
    exit(cli_fail(EXIT_INTERNAL, "%s: no %s in %s or %s../lib%s", command, name, directory,
                  directory,
                  strcmp(name, LIBRARY_ALLOCATOR) == 0 ? " (HAKMEM_LIBRARY can name it)" : ""));
}

void library_find(const char *command, const char *name, char path[PATH_MAX])
{
    const char *chosen = NULL;
    if (strcmp(name, LIBRARY_ALLOCATOR) == 0)
        chosen = getenv(SETTING_PREFIX "LIBRARY");
    if (!is_chosen(command, chosen, path))
        find_library(command, name, path);
}

void library_check(const char *command, const char *path)
{
    if (strpbrk(path, " :"))
        exit(cli_fail(EXIT_INTERNAL,
                      "%s: LD_PRELOAD cannot name a path with a space or a colon: %s", command,
                      path));
}

void library_export(const char *command, const char *path)
{
    const char *others = getenv("LD_PRELOAD");
    char *list;
    if (asprintf(&list, "%s%s%s", path, others && *others ? ":" : "", others ? others : "") < 0)
        exit(cli_fail(EXIT_INTERNAL, "%s: %s", command, strerror(errno)));
    cli_export("LD_PRELOAD", list);
    free(list);
}

void library_preload(const char *command, const char *name)
{
    char path[PATH_MAX];
    char reason[256];
    library_find(command, name, path);
    library_check(command, path);
    if (!loader_can_preload(path, reason, sizeof reason))
        exit(cli_fail(EXIT_INTERNAL, "%s: %s cannot be preloaded: %s", command, path, reason));
    library_export(command, path);
}
