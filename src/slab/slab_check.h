/* SPDX-License-Identifier: MIT */
/*
 * The layer looked at from above: figures and a recount.
 */
#ifndef HAK_SLAB_SLAB_CHECK_H
#define HAK_SLAB_SLAB_CHECK_H

#include "slab/slab.h"

/* Purpose: figures of the whole layer. */
struct slab_figures {
    size_t mapped_bytes; /* superslabs in use or warm */
    size_t warm_bytes;
    size_t huge_page_waste; /* of these: of huge pages, and never handed out */
};
void slab_count(struct slab_figures *figures);
/* Recount the invariants of struct space and struct superslab; the number of faults, each reported
 * in a line. */
unsigned slab_check(void);

#endif
