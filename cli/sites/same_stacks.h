/* SPDX-License-Identifier: MIT */
/*
 * Joins the sites of a profile that look the same to a reader: their stacks differ only in the
 * addresses of calls in the same lines, as of two calls in one line, or of an unrolled loop.
 */
#ifndef HAK_CLI_SAME_STACKS_H
#define HAK_CLI_SAME_STACKS_H

#include "sites/stacks.h"

/* The sites of a profile, each with the sums of all that look like it, in a new list of *count; to
 * be freed. Their frames are those of the profile. */
struct site_view *same_stacks_join(const struct named_profile *named, size_t *count);

#endif
