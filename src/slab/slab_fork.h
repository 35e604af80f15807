/* SPDX-License-Identifier: MIT */
/*
 * The state of the slab layer after a fork.
 */
#ifndef HAK_SLAB_SLAB_FORK_H
#define HAK_SLAB_SLAB_FORK_H

/* Called in a forked child after its locks are reset: forget the work of the parent's other
 * threads. */
void slab_fork_reset(void);

#endif
