/* SPDX-License-Identifier: MIT */
/*
 * A profile as text: a table of stacks, for people.
 */
#ifndef HAK_CLI_SITES_TABLE_H
#define HAK_CLI_SITES_TABLE_H

#include <stdio.h>

#include "base/text.h"
#include "sites/stacks.h"

struct table_form {
    enum figure figure;
    size_t rows;   /* at most */
    size_t frames; /* of each stack, at most */
    size_t width;  /* of a line; 0: as long as its names are */
};

void sites_print_table(FILE *out, const struct named_profile *named, const struct table_form *form);
/* Print only the rows, with their stacks. Returns the number of sites whose figure is not 0. */
size_t sites_print_rows(FILE *out, const struct named_profile *named,
                        const struct table_form *form);
/* The profile as JSON: all figures of each site, the largest of `form->figure` first. */
void sites_print_json(FILE *out, const struct named_profile *named, const struct table_form *form);
/* The member "stack" of a site's JSON. */
void sites_print_json_stack(FILE *out, const struct named_profile *named,
                            const struct site_view *site);
/* The innermost frames of a stack, indented, as below a row of the table. */
void sites_print_stack(FILE *out, const struct named_profile *named, const struct site_view *site,
                       const struct table_form *form);
/* One line of a stack; cut to `width` columns, if that is not 0. */
void sites_print_frame(FILE *out, const char *before, const struct frame *frame, size_t width);
/* A duration in one unit: "34 min". */
struct short_text text_of_ms(double ms);
/* For programs: "live"; and for people, behind a number of bytes. */
const char *figure_name(enum figure figure);
const char *figure_title(enum figure figure);

#endif
