/* SPDX-License-Identifier: MIT */
/*
 * A profile with its names, as the verbs show and write it.
 */
#ifndef HAK_CLI_STACKS_H
#define HAK_CLI_STACKS_H

#include "sites/symbols.h"

/* Which of a site's figures is asked for. */
enum figure {
    FIGURE_LIVE,
    FIGURE_ALLOCATED,
    FIGURE_PEAK,
    FIGURE_PINNED,
    FIGURE_LIFETIME,
    FIGURE_COUNT
};

/* Purpose: all that was read of one target; it needs the target no more. */
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
/* Read the profile of the same target again, into one that is open. Names are looked for only where
 * there are new addresses. False: as above, and `named` still needs closing. */
bool named_profile_again(struct named_profile *named, struct target *target,
                         struct heap_view *view);
/* The same of one block alone: the site of its sample is the only one. NULL with `named` empty: see
 * the target's error; NULL with a profile that has no site: the block was not sampled. Where it
 * gives a sample or not, `named` needs closing. */
const struct sample_view *named_profile_open_block(struct named_profile *named,
                                                   struct target *target, struct heap_view *view,
                                                   uint64_t address);
/* The same in two steps. The first reads all that only the target has; the second may come later,
 * when the target is closed, and when it has ended. */
bool named_profile_read(struct named_profile *named, struct target *target, struct heap_view *view);
void named_profile_find_names(struct named_profile *named);
void named_profile_close(struct named_profile *named);

/* Frames of one stack, inlined functions included; of a longer one, the innermost. */
#define STACK_FRAMES_MAX 2048
/* Purpose: one stack by names. Invariant: the first `skipped` frames are the allocator's own and
 * the wrappers around it: operator new, malloc, the allocators of C++. From frames[own] on come
 * those of the program: before, also the language's library, such as containers. skipped <= own <
 * count. */
struct named_stack {
    const struct frame *frames[STACK_FRAMES_MAX];
    size_t count;
    size_t skipped;
    size_t own;
};
void stack_name(struct named_stack *stack, const struct named_profile *named,
                const struct site_view *site);
/* The index of the first address of a site's frames that has a frame which is not skipped. */
uint32_t stack_first_address(const struct named_profile *named, const struct site_view *site);
/* Is it a function of the allocator, or one that only passes its memory on? */
bool stack_is_allocator(const char *function);
/* Is it a function of C++'s or Rust's own library? */
bool stack_is_library(const char *function);

uint64_t site_bytes(const struct site_view *site, enum figure figure);
double site_count(const struct site_view *site, enum figure figure);
/* The sites that have something of the figure, the largest first; to be freed. */
const struct site_view **sites_rank(const struct profile_view *named, enum figure figure,
                                    size_t *count);
/* The sum of a figure over all sites. */
double sites_sum(const struct profile_view *named, enum figure figure);
/* Within how many milliseconds this share of the sampled blocks was freed; 0: none was. */
double site_life_ms(const struct site_view *site, double share);

#endif
