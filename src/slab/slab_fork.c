/* SPDX-License-Identifier: MIT */
/*
 * The state of the slab layer that a forked child must correct: the work of the parent's other
 * threads is not under way in the child. May never touch a lock: api/fork.c resets all locks.
 */
#include "slab/slab_fork.h"

#include "slab/decay.h"
#include "slab/space.h"

void slab_fork_reset(void)
{
    space.tail = NULL;
    space.is_forked = true;
    atomic_store_explicit(&decay_clock.waiting, 0, memory_order_relaxed);
}
