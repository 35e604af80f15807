/* SPDX-License-Identifier: MIT */
/*
 * Advice on live memory that grows, from the figures of a program's life.
 */
#ifndef HAK_CLI_GROWTH_ADVICE_H
#define HAK_CLI_GROWTH_ADVICE_H

#include "run/heap_facts.h"

/* Add a line if live memory grew without levelling off. */
void growth_advise(const struct heap_facts *facts, struct advice *advice);

#endif
