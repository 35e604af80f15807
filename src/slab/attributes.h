/* SPDX-License-Identifier: MIT */
/*
 * Undoes changes that programs made to the mapping of their blocks' pages.
 */
#ifndef HAK_SLAB_ATTRIBUTES_H
#define HAK_SLAB_ATTRIBUTES_H

#include "slab/slab.h"

/* Undo the program's changes to the mapping of these pages. True if the pages were replaced. */
bool attributes_undo(char *start, size_t size);
/* Undo such changes in the doubted slabs of a superslab that is wholly free. */
void attributes_undo_superslab_locked(struct superslab *superslab);

#endif
