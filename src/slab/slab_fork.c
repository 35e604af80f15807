/* SPDX-License-Identifier: MIT */
/*
 * The state of the layer that a copy of the process corrects: what other threads had under way in
 * the parent is not under way in the child. The locks themselves are fork's: api/fork.c.
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
