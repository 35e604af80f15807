/* SPDX-License-Identifier: MIT */
/*
 * The call stacks that asked for the memory of a process, over time: the live bytes of each stack
 * at the looks, and the whole profile at the last look.
 */
#ifndef HAK_CLI_STACK_LOOKS_H
#define HAK_CLI_STACK_LOOKS_H

#include "run/site_history.h"
#include "sites/stacks.h"

/* Purpose: the results of the looks. Begin with zero. */
struct stack_looks {
    struct site_history history;
    struct named_profile profile; /* set if has_profile */
    bool has_profile;
    bool has_names;
    double next;     /* seconds since the start: no look before that */
    char error[320]; /* why the process had no profile at the last look; "" if it had */
};

/* Read the profile of a process whose heap is open, unless the last look was just before. `at`:
 * seconds since the start. */
void stack_looks_add(struct stack_looks *looks, struct heap_view *view, double at, bool is_at_exit);
/* Read the profile of a process once more; if that fails, keep the last one. */
void stack_looks_read(struct stack_looks *looks, pid_t pid);
/* Find the names of the profile, if that was not done. */
void stack_looks_find_names(struct stack_looks *looks);
/* Will some names be lost when the process has ended? */
bool stack_looks_need_process(const struct stack_looks *looks);
void stack_looks_free(struct stack_looks *looks);

#endif
