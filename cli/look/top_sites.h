/* SPDX-License-Identifier: MIT */
/*
 * Who asked for the memory of the process in the live view.
 */
#ifndef HAK_CLI_TOP_SITES_H
#define HAK_CLI_TOP_SITES_H

#include "sites/stacks.h"

/* Purpose: its profile at the last look. Invariant: changes[i] is of the i-th site: its live bytes,
 * less those at the look before. Begin with zero. */
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
