/* SPDX-License-Identifier: MIT */
/*
 * The part of a copy about thread caches and depots.
 */
#ifndef HAK_CLI_CACHES_H
#define HAK_CLI_CACHES_H

#include "heap/view.h"

/* Read the thread caches, the depots, and the traffic between caches and lanes. */
void heap_caches_read(struct heap_view *view);
/* The first entry of `cached` at or above an address. */
size_t heap_caches_find(const struct heap_view *view, uint64_t address);

#endif
