/* SPDX-License-Identifier: MIT */
/*
 * Makes the copy of a heap.
 */
#ifndef HAK_CLI_COPY_H
#define HAK_CLI_COPY_H

#include "heap/view.h"

/* Copy the heap of an open target. False: see target->error. */
bool heap_view_open(struct heap_view *view, struct target *target);
void heap_view_close(struct heap_view *view);

#endif
