/* SPDX-License-Identifier: MIT */
/*
 * The files that a process's loader has loaded, in the order in which it searches them for symbols.
 */
#ifndef HAK_CLI_LINK_MAP_H
#define HAK_CLI_LINK_MAP_H

#include <stdbool.h>
#include <sys/types.h>

enum link_state {
    LINK_UNKNOWN, /* not to be read, or the loader is at work */
    LINK_STATIC,  /* there is no loader */
    LINK_LOADED,  /* each library was told to `visit` */
};

/* Called for each library, in order, by the name that the process has for it; false ends the walk.
 * The executable, which comes first, is not among them. */
typedef bool link_visit(void *state, const char *name);

enum link_state link_map_walk(pid_t pid, link_visit *visit, void *state);

#endif
