/* SPDX-License-Identifier: MIT */
/*
 * What can be done about a program's memory, from figures of its life.
 */
#ifndef HAK_CLI_HEAP_ADVICE_H
#define HAK_CLI_HEAP_ADVICE_H

#include "run/heap_facts.h"

/* Add a line for each thing that can be done: what was seen, what to change, and how many bytes or
 * seconds that saves at most. Nothing is added when nothing stands out. */
void heap_advise(const struct heap_facts *facts, struct advice *advice);

#endif
