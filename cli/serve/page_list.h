/* SPDX-License-Identifier: MIT */
/*
 * The page of all processes, which refreshes itself: it is always the same, and asks for
 * /processes.
 */
#ifndef HAK_CLI_PAGE_LIST_H
#define HAK_CLI_PAGE_LIST_H

#include <stdio.h>

void page_list(FILE *out);
void page_script(FILE *out);
void page_style(FILE *out);

#endif
