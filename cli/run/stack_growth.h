/* SPDX-License-Identifier: MIT */
/*
 * The stacks whose live memory grew over the looks at a program, and those that never stopped
 * growing.
 */
#ifndef HAK_CLI_STACK_GROWTH_H
#define HAK_CLI_STACK_GROWTH_H

#include <stdio.h>

#include "base/advice.h"
#include "run/stack_looks.h"

/* Draw the live bytes of the stacks that grew most; nothing where none grew. The names must be
 * known. `end`: the seconds at the right end. */
void stack_growth_plot(FILE *out, const struct stack_looks *looks, double end);
/* Add a line for each of the stacks that grew most and did not level off. */
void stack_growth_advise(const struct stack_looks *looks, struct advice *advice);

#endif
