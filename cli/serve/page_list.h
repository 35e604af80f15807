/* SPDX-License-Identifier: MIT */
/*
 * The page of all processes, which refreshes itself: it is always the same, and asks for
 * /processes.
 */
#ifndef HAK_CLI_PAGE_LIST_H
#define HAK_CLI_PAGE_LIST_H

#include <stdio.h>

/* Write the head of a page up to <main>; its title is plain text. */
void page_begin(FILE *out, const char *title, const char *intro);
void page_end(FILE *out);

void page_list(FILE *out);
void page_script(FILE *out);
void page_style(FILE *out);

#endif
