/* SPDX-License-Identifier: MIT */
/*
 * What programs have done to the mapping of their blocks' pages.
 */
#ifndef HAK_SLAB_ATTRIBUTES_H
#define HAK_SLAB_ATTRIBUTES_H

#include "slab/slab.h"

/* Undo what was done to these pages' mapping. True: they were replaced. */
bool attributes_undo(char *start, size_t size);
/* Undo what spans' owners may have done to the mapping of a superslab that is wholly free. */
void attributes_undo_superslab_locked(struct superslab *superslab);

#endif
