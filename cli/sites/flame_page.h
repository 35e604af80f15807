/* SPDX-License-Identifier: MIT */
/*
 * A profile as a part of a page: a sentence, a flame graph, and a table of stacks.
 */
#ifndef HAK_CLI_FLAME_PAGE_H
#define HAK_CLI_FLAME_PAGE_H

#include <stdio.h>

#include "sites/stacks.h"

/* Write the section, which has the id "stacks"; a page has it once, after html_end_header. `figure`
 * is shown first. The section needs no other file. */
void flame_section(FILE *out, const struct named_profile *named, enum figure figure);

/* Write the table of the largest stacks. It has all figures, and a script lets the reader
 * choose. */
void stack_rows_print(FILE *out, const struct named_profile *named, enum figure figure);
/* Write the function that asked for the memory, with its file and line where they are known. */
void stack_print_name(FILE *out, const struct named_profile *named, const struct site_view *site);
/* Write its next callers, as "called by make, by main"; nothing if there are none. */
void stack_print_callers(FILE *out, const struct named_profile *named,
                         const struct site_view *site);

#endif
