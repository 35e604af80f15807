/* SPDX-License-Identifier: MIT */
/*
 * The locks of the layer in their order. No other code may hold two of them in another order.
 */
#include "slab/slab_fork.h"

#include "slab/decay.h"
#include "slab/meta.h"
#include "slab/space.h"

void slab_lock_all(void)
{
    lock_acquire(&space.lock);
    meta_lock_acquire();
}

void slab_unlock_all(void)
{
    meta_lock_release();
    lock_release(&space.lock);
}

void slab_reset_locks(void)
{
    meta_lock_reset();
    lock_reset(&space.lock);
    decay_lock_reset();
    space.tail = NULL;
    space.is_forked = true;
}
