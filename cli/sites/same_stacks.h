/* SPDX-License-Identifier: MIT */
/*
 * Joins the sites of a profile that look the same to a reader: their stacks differ only in
 * addresses, and have the same functions and lines. Two calls in one line, or an unrolled loop,
 * make such sites.
 */
#ifndef HAK_CLI_SAME_STACKS_H
#define HAK_CLI_SAME_STACKS_H

#include "sites/stacks.h"

/* The sites of a profile, each with the sums of all that look like it, in a new list of *count; to
 * be freed. Their frames are those of the profile. */
struct site_view *same_stacks_join(const struct named_profile *named, size_t *count);

#endif
