/* SPDX-License-Identifier: MIT */
/*
 * The live bytes of stacks over time. Its size has a bound, however long the program runs and
 * however many stacks it has.
 */
#ifndef HAK_CLI_SITE_HISTORY_H
#define HAK_CLI_SITE_HISTORY_H

#include "heap/profile_view.h"

/* The most looks that are kept. When there are more, only every second one is kept, also of the
 * later ones. */
#define HISTORY_LOOKS ((size_t)128)
/* The most stacks. When there are more, those that never had many live bytes are forgotten. */
#define HISTORY_SITES ((size_t)4096)

/* One stack and label, identified by the place of the stack in the target. */
struct site_series {
    uint64_t stack;
    uint32_t label;
    uint64_t most;
    uint64_t bytes[HISTORY_LOOKS]; /* live at each look */
};

/* Purpose: the looks. Invariant: the times ascend; `slots` is a hash table of the series, never
 * more than half full, with 0 or the index of a series and 1. Begin with zero. */
struct site_history {
    double at[HISTORY_LOOKS]; /* seconds since the start */
    size_t count;
    size_t per_look; /* looks for which one kept look stands; and looks since the last kept one */
    size_t since;
    struct site_series *series;
    size_t series_count;
    uint32_t slots[2 * HISTORY_SITES];
};

/* Add a look. */
void site_history_add(struct site_history *history, const struct profile_view *copied, double at);
/* The site of a profile that belongs to a series. NULL: there is none. */
const struct site_view *site_history_site(const struct site_series *series,
                                          const struct profile_view *copied);
void site_history_free(struct site_history *history);

#endif
