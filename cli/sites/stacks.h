/* SPDX-License-Identifier: MIT */
/*
 * A profile with the names of its functions, which the verbs show and write.
 */
#ifndef HAK_CLI_STACKS_H
#define HAK_CLI_STACKS_H

#include "sites/symbols.h"

/* The figures of a site. */
enum figure {
    FIGURE_LIVE,
    FIGURE_ALLOCATED,
    FIGURE_PEAK,
    FIGURE_PINNED,
    FIGURE_LIFETIME,
    FIGURE_COUNT
};

/* Purpose: the profile of one target. It does not need the target any more. */
struct named_profile {
    struct profile_view view;
    struct symbols symbols;
    char title[128];
    char program[64];
    uint64_t read_ms; /* CLOCK_REALTIME */
    pid_t pid;        /* 0: a core's */
};

/* Read the profile of an open target. False: see the target's error. */
bool named_profile_open(struct named_profile *named, struct target *target, struct heap_view *view);
/* Read the profile of the same target again, into an open one. Only new addresses need a search for
 * their names. False: as above, and `named` still needs closing. */
bool named_profile_again(struct named_profile *named, struct target *target,
                         struct heap_view *view);
/* Read the sample of one block; the profile then has the site of this sample only. NULL with an
 * empty `named`: see the target's error. NULL with a profile without sites: the block was not
 * sampled. In all cases `named` needs closing. */
const struct sample_view *named_profile_open_block(struct named_profile *named,
                                                   struct target *target, struct heap_view *view,
                                                   uint64_t address);
/* named_profile_open in two steps. The first reads everything from the target. The second finds the
 * names; it may come later, when the target is closed or has ended. */
bool named_profile_read(struct named_profile *named, struct target *target, struct heap_view *view);
void named_profile_find_names(struct named_profile *named);
void named_profile_close(struct named_profile *named);

/* The most frames of one stack, with inlined functions; of a longer stack, the innermost are
 * kept. */
#define STACK_FRAMES_MAX 2048
/* Purpose: one stack by names. Invariant: the first `skipped` frames are the allocator and wrappers
 * around it: malloc, operator new, allocators of C++. The frames from there to before frames[own]
 * are the language's library, such as containers. The program's frames begin at frames[own].
 * skipped <= own < count. */
struct named_stack {
    const struct frame *frames[STACK_FRAMES_MAX];
    size_t count;
    size_t skipped;
    size_t own;
};
void stack_name(struct named_stack *stack, const struct named_profile *named,
                const struct site_view *site);
/* The index in a site's addresses of the first one whose functions are not all skipped. */
uint32_t stack_first_address(const struct named_profile *named, const struct site_view *site);
/* Is it a function of the allocator, or one that only passes on its memory? */
bool stack_is_allocator(const char *function);
/* Is it a function of C++'s or Rust's own library? */
bool stack_is_library(const char *function);

uint64_t site_bytes(const struct site_view *site, enum figure figure);
double site_count(const struct site_view *site, enum figure figure);
/* The sites whose figure is not 0, the largest first; to be freed. */
const struct site_view **sites_rank(const struct profile_view *named, enum figure figure,
                                    size_t *count);
/* The sum of a figure over all sites. */
double sites_sum(const struct profile_view *named, enum figure figure);
/* The time in milliseconds within which this share of the freed samples was freed; 0: none was. */
double site_life_ms(const struct site_view *site, double share);

#endif
