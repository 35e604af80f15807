/* SPDX-License-Identifier: MIT */
/*
 * All locks of the layer, in their order, for fork. The decay lock comes before those of the lanes:
 * fork takes it by itself.
 */
#ifndef HAK_SLAB_SLAB_FORK_H
#define HAK_SLAB_SLAB_FORK_H

#include "slab/slab.h"

void slab_lock_all(void);
void slab_unlock_all(void);
void slab_reset_locks(void);

#endif
