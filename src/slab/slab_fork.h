/* SPDX-License-Identifier: MIT */
/*
 * The layer's state after a fork.
 */
#ifndef HAK_SLAB_SLAB_FORK_H
#define HAK_SLAB_SLAB_FORK_H

/* In a forked child, after the locks: what other threads were doing is not under way. */
void slab_fork_reset(void);

#endif
