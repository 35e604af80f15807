/* SPDX-License-Identifier: MIT */
/*
 * The files that a process's loader has loaded, in the order in which it searches them for symbols.
 */
#ifndef HAK_CLI_LINK_MAP_H
#define HAK_CLI_LINK_MAP_H

#include <stdbool.h>
#include <sys/types.h>

enum link_state {
    LINK_UNKNOWN, /* it cannot be read, or the loader is at work */
    LINK_STATIC,  /* there is no loader */
    LINK_LOADED,  /* `visit` was called for each library */
};

/* Called for each library, in order, with the name that the process has for it; false ends the
 * walk. The executable, which comes first, is left out. */
typedef bool link_visit(void *state, const char *name);

enum link_state link_map_walk(pid_t pid, link_visit *visit, void *state);

#endif
