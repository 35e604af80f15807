/* SPDX-License-Identifier: MIT */
/*
 * A profile as a part of a page: a sentence, a flame graph, and a table of stacks.
 */
#ifndef HAK_CLI_FLAME_PAGE_H
#define HAK_CLI_FLAME_PAGE_H

#include <stdio.h>

#include "sites/stacks.h"

/* Write the section, which has the id "stacks"; a page has it once, after html_end_header. The
 * figure is the one that is shown first. Needs nothing but the page. */
void flame_section(FILE *out, const struct named_profile *named, enum figure figure);

/* The table of stacks: all figures of the largest ones; a script lets the reader choose. */
void stack_rows_print(FILE *out, const struct named_profile *named, enum figure figure);
/* "load_orders", with its file and line where they are known: the function that asked. */
void stack_print_name(FILE *out, const struct named_profile *named, const struct site_view *site);
/* "called by make, by main": the next functions outwards; nothing where there is none. */
void stack_print_callers(FILE *out, const struct named_profile *named,
                         const struct site_view *site);

#endif
