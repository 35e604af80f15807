/* SPDX-License-Identifier: MIT */
/*
 * The call stacks that asked for the memory of the process in the live view.
 */
#ifndef HAK_CLI_TOP_SITES_H
#define HAK_CLI_TOP_SITES_H

#include "sites/stacks.h"

/* Purpose: the profile of the process at the last look. Invariant: changes[i] is the change of the
 * live bytes of the i-th site since the look before. Begin with zero. */
struct top_sites {
    struct named_profile named;
    bool is_read;
    double *changes;
    char trouble[320]; /* why there is no profile */
};

/* Read the profile of an open target. */
void top_sites_read(struct top_sites *sites, struct target *target, struct heap_view *view);
void top_sites_free(struct top_sites *sites);

#endif
