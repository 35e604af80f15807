/* SPDX-License-Identifier: MIT */
/*
 * For tests of a thread's own cache: threads that end with it, its bins, blocks by class, and what
 * must hold of the lanes below.
 */
#ifndef HAK_UNIT_OWN_CACHE_H
#define HAK_UNIT_OWN_CACHE_H

#include "unit/unit.h"

#include "front/front.h"
#include "front/unified_cache.h"

static inline void *run_body(void *body)
{
    (*(void (**)(void))body)();
    unified_cache_thread_exit();
    return NULL;
}

static inline void run_in_thread(void (*body)(void))
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, run_body, &body), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static inline struct thread_cache *own_cache(void)
{
    return thread_cache_at(reservation_get());
}

static inline unsigned count_of(unsigned size_class)
{
    struct thread_cache *cache = own_cache();
    return (unsigned)(cache->top[size_class] - cache->bottom[size_class]);
}

static inline unsigned limit_of(unsigned size_class)
{
    struct thread_cache *cache = own_cache();
    return (unsigned)(cache->limit[size_class] - cache->bottom[size_class]);
}

static inline void *alloc_class(unsigned size_class)
{
    bool is_zero;
    void *block = bin_pop(own_cache(), size_class);
    if (!block)
        block = unified_cache_refill(size_class, &is_zero);
    CHECK(block != NULL);
    return block;
}

static inline void free_class(unsigned size_class, void *block)
{
    if (!front_free(block))
        unified_cache_flush(size_class, block);
}

static inline size_t blocks_out(unsigned size_class)
{
    struct pool_figures figures = {0};
    pool_count(&shared_pool, size_class, &figures);
    return figures.blocks_out;
}

static inline void check_structure(void)
{
    CHECK_EQ(slab_check(), 0);
    CHECK_EQ(pool_check(&shared_pool), 0);
    CHECK_EQ(depot_check(), 0);
}

/* Nothing is out, in any class, once the depots are empty too. */
static inline void check_all_back(void)
{
    size_t blocks[CLASS_COUNT];
    size_t threads;
    thread_cache_count_blocks(blocks, &threads);
    CHECK_EQ(threads, 0);
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        CHECK_EQ(blocks[size_class], 0);
        CHECK_EQ(blocks_out(size_class), 0);
    }
    CHECK_EQ(span_bytes(), 0);
    check_structure();
}

#endif
