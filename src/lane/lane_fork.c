/* SPDX-License-Identifier: MIT */
/*
 * The lanes' locks in their order: each class's depot before its slabs, then the table of
 * density.c. No other code may hold two of the lanes' locks in another order.
 */
#include "lane/lane_fork.h"
#include "lane/density.h"
#include "lane/depot.h"
#include "lane/pool_lists.h"

void lane_lock_all(void)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        lock_acquire(&depots[size_class].lock);
        lock_acquire(&shared_pool.classes[size_class].lock);
    }
    density_lock_acquire();
}

void lane_unlock_all(void)
{
    density_lock_release();
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        lock_release(&shared_pool.classes[size_class].lock);
        lock_release(&depots[size_class].lock);
    }
}

void lane_reset_locks(void)
{
    density_lock_reset();
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        lock_reset(&shared_pool.classes[size_class].lock);
        lock_reset(&depots[size_class].lock);
    }
}
