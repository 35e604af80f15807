/* SPDX-License-Identifier: MIT */
/*
 * The terms of a heap's memory as a list. Their order may not change: other files rely on it.
 */
#include "look/stats_terms.h"

#include <string.h>

void stats_terms(const struct heap_terms *terms, struct term rows[TERM_COUNT])
{
    const struct term all[TERM_COUNT] = {
        {"live", "live blocks", terms->live},
        {"thread_cached", "cached in threads", terms->thread_cached},
        {"depots", "in depots", terms->depots},
        {"partly_used", "free in partly used slabs", terms->partly_used},
        {"purgeable", "purgeable", terms->purgeable},
        {"metadata", "metadata", terms->metadata},
        {"tables", "tables", terms->tables},
        {"others", "memory of others", terms->others},
    };
    memcpy(rows, all, sizeof all);
}
