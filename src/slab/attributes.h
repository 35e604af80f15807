/* SPDX-License-Identifier: MIT */
/*
 * What programs have done to the mapping of their blocks' pages.
 */
#ifndef HAK_SLAB_ATTRIBUTES_H
#define HAK_SLAB_ATTRIBUTES_H

#include "slab/slab.h"

/* Undo what was done to these pages' mapping. True: they were replaced. */
bool slab_make_plain(char *start, size_t size);
/* Undo what spans' owners may have done to the mapping of a superslab that is wholly free. */
void superslab_make_plain_locked(struct superslab *superslab);

#endif
