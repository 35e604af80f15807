/* SPDX-License-Identifier: MIT */
/*
 * Advice on live memory that grows, from the figures of a program's life.
 */
#ifndef HAK_CLI_GROWTH_ADVICE_H
#define HAK_CLI_GROWTH_ADVICE_H

#include "run/heap_facts.h"

/* Purpose: growth of live memory, from one look to a later one. */
struct growth {
    const struct moment *from;
    const struct moment *to;
};

/* Did live memory grow without levelling off? Only the fields `at` and `live` of the moments
 * count. */
bool growth_find(const struct heap_facts *facts, struct growth *growth);
/* Add a line if live memory grew without levelling off. */
void growth_advise(const struct heap_facts *facts, struct advice *advice);

#endif
