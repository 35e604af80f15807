/* SPDX-License-Identifier: MIT */
/*
 * The blocks that a process has not freed at its end, by call stack: lost blocks, to which no
 * pointer leads any more, and blocks that can still be reached.
 */
#ifndef HAK_CLI_LEAKS_H
#define HAK_CLI_LEAKS_H

#include "heap/reach.h"
#include "sites/suppressions.h"

struct leak_sum {
    double blocks;
    double bytes; /* as requested */
};

/* Purpose: the report about one process. Invariant: lost[i] and reachable[i] are sums of the i-th
 * site of the profile; suppressed blocks are in neither. */
struct leaks {
    struct named_profile named;
    struct leak_sum *lost;
    struct leak_sum *reachable;
    struct leak_sum all_lost;
    struct leak_sum all_reachable;
    struct leak_sum suppressed;
    double nameless;      /* lost blocks that no site has: exact if every block is sampled */
    uint64_t lost_blocks; /* all in the heap, counted without the profile */
    uint64_t lost_bytes;  /* as sizes are rounded */
    bool is_partial;      /* roots are missing */
};

/* Look at a process that waits at its end. Its threads are stopped meanwhile. False: see the
 * error. */
bool leaks_find(struct leaks *leaks, pid_t pid, const struct suppressions *suppressions,
                char *error, size_t error_size);
void leaks_free(struct leaks *leaks);

/* Print the report for people. With `is_all` the blocks that can be reached are listed, too. */
void leaks_print(FILE *out, const struct leaks *leaks, bool is_all);
/* One object of JSON. */
void leaks_print_json(FILE *out, const struct leaks *leaks);

#endif
