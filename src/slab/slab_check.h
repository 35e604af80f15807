/* SPDX-License-Identifier: MIT */
/*
 * Figures of the slab layer, and a recount of its invariants.
 */
#ifndef HAK_SLAB_SLAB_CHECK_H
#define HAK_SLAB_SLAB_CHECK_H

#include "slab/slab.h"

/* Purpose: figures of the whole layer. */
struct slab_figures {
    size_t mapped_bytes; /* superslabs in use or warm */
    size_t warm_bytes;
    size_t huge_page_waste; /* of the warm bytes: parts of huge pages that were never handed out */
};
void slab_count(struct slab_figures *figures);
/* Recount the invariants of struct space and struct superslab. Returns the number of faults; each
 * is reported in a line. */
unsigned slab_check(void);

#endif
