/* SPDX-License-Identifier: MIT */
/*
 * What has changed between two profiles of one process.
 */
#ifndef HAK_CLI_DIFFERENCE_H
#define HAK_CLI_DIFFERENCE_H

#include "heap/profile_view.h"

/* Take the figures of `first` off those of `last`, by stack and label. What is live may have become
 * less: such bytes are negative numbers in two's complement, as pprof's form has them. A difference
 * has no peak, pins nothing and has no samples. If profiling was begun afresh between them, all of
 * `last` is new. */
void difference_take(struct profile_view *last, const struct profile_view *first);

#endif
