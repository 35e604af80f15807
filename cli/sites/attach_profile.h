/* SPDX-License-Identifier: MIT */
/*
 * The profile of a running process over some time.
 */
#ifndef HAK_CLI_ATTACH_PROFILE_H
#define HAK_CLI_ATTACH_PROFILE_H

#include "sites/stacks.h"

/* Purpose: the wishes of the user. */
struct attach_wish {
    const char *command; /* "hakmem profile" */
    double seconds;
    int64_t interval; /* mean bytes between samples; 0: as the process is set */
};

/* Profile the process of an open view for the time that is wished, or until the process ends, or a
 * signal comes. If the process profiles by itself, it goes on after that; else profiling is off
 * again. Returns EXIT_SUCCESS, and the profile; or writes one line that says why there is none. */
int attach_profile(const struct attach_wish *wish, struct heap_view *view,
                   struct named_profile *named);

#endif
