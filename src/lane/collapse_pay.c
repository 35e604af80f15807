/* SPDX-License-Identifier: MIT */
/*
 * Owns the work that a flush of a collapsing class does: a batch of the class's depot goes back to
 * its slabs, and the free pages of a few slabs go back to the kernel. One flush may never take
 * long, and may never wait for another thread's purge.
 */
#include "lane/collapse.h"
#include "lane/depot.h"
#include "lane/idle_pages.h"

/* The most work of one flush: it takes 50 to 100 us. */
#define PAY_SLABS 4
#define PAY_BYTES (128 * KIB)
#define PAY_LOOKS 4

struct verdict collapse_pay(unsigned size_class)
{
    struct pool_class *class_pool = &shared_pool.classes[size_class];
    struct idle_walk walk = {.free_share = COLLAPSE_FREE_SHARE,
                             .run_min = collapse_run_min(size_class),
                             .slabs_left = PAY_SLABS,
                             .looks_left = PAY_LOOKS,
                             .bytes_max = PAY_BYTES};
    struct verdict verdict = depot_give_back(size_class);
    if (word_load(&class_pool->walk) != 0)
        idle_pages_walk(class_pool, &walk);
    return verdict;
}
