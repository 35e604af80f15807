/* SPDX-License-Identifier: MIT */
/*
 * Advice on a program's memory, from figures of its life.
 */
#ifndef HAK_CLI_HEAP_ADVICE_H
#define HAK_CLI_HEAP_ADVICE_H

#include "run/heap_facts.h"

/* Add a line for each possible improvement: what was seen, what to change, and how many bytes or
 * seconds that saves at most. Adds nothing if nothing is remarkable. */
void heap_advise(const struct heap_facts *facts, struct advice *advice);

#endif
