/* SPDX-License-Identifier: MIT */
/*
 * The difference between two profiles of one process.
 */
#ifndef HAK_CLI_DIFFERENCE_H
#define HAK_CLI_DIFFERENCE_H

#include "heap/profile_view.h"

/* Subtract the figures of `first` from those of `last`, by stack and label. Live bytes may have
 * become less: then they are negative numbers in two's complement, as in pprof's form. A difference
 * has no peak, no pinned bytes and no samples. If profiling was started afresh between the two, all
 * of `last` is new. */
void difference_take(struct profile_view *last, const struct profile_view *first);

#endif
