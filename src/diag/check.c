/* SPDX-License-Identifier: MIT */
/*
 * The check of the whole heap: calls the checks of all layers, each of which recounts its own
 * invariants. Takes one lock at a time.
 */
#include "diag/diag.h"
#include "front/owned_heap.h"

unsigned check_all(void)
{
    if (reservation_get()->size == 0)
        return 0;
    return slab_check() + pool_check(&shared_pool) + owned_heap_check() + depot_check();
}
