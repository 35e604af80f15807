/* SPDX-License-Identifier: MIT */
/*
 * The work of one epoch: depots, free pages of partly used slabs and warm slabs grow older, and
 * what is old enough goes back to the kernel. No lock may be held by the caller.
 */
#include "front/upkeep.h"

bool ageing_work(bool is_short, struct verdict *verdict)
{
    bool is_pending = false;
    unsigned min_age = settings.decay_ms == 0 || is_short ? 0 : EPOCHS_PER_DECAY;
    *verdict = depot_trim(is_short);
    if (settings.decay_ms >= 0) {
        pool_purge_idle(&shared_pool, min_age, &is_pending);
        owned_heap_purge_idle(min_age, &is_pending);
    }
    if (settings.decay_ms >= 0 && is_short)
        decay_purge_all();
    return is_pending || decay_is_due();
}
