/* SPDX-License-Identifier: MIT */
/*
 * Figures of a pool, and a recount of the invariants written on struct pool_slab and struct
 * pool_class. Takes one class lock at a time, and may never change anything.
 */
#include "lane/pool_check.h"

void pool_count(struct pool *pool, unsigned size_class, struct pool_figures *figures)
{
    struct pool_class *class_pool = &pool->classes[size_class];
    lock_acquire(&class_pool->lock);
    for (unsigned list = 0; list < POOL_LISTS; list++)
        for (const struct slab *slab = class_pool->lists[list]; slab; slab = slab->next) {
            figures->slabs++;
            figures->blocks_free += pooled(slab)->free_count;
            figures->blocks_out += (size_t)(pooled(slab)->block_count - pooled(slab)->free_count);
        }
    if (pool == &shared_pool)
        figures->traffic = pool_traffic[size_class].traffic;
    lock_release(&class_pool->lock);
}

static unsigned fault(const struct slab *slab, const char *what)
{
    log_line("check: slab at %p of class %u: %s", (void *)slab->start, slab->size_class, what);
    return 1;
}

static unsigned count_bits(const struct slab *slab)
{
    unsigned count = 0;
    for (unsigned word = 0; word * 64u < pooled(slab)->block_count; word++)
        count += (unsigned)__builtin_popcountll(pooled(slab)->bits[word]);
    return count;
}

/* Does the slab map say so of a run's slab, or that some of the run's blocks are sampled? */
static bool has_byte(const struct slab *slab, unsigned index, unsigned byte)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, slab->start) + index * SLAB_SIZE;
    unsigned found = slab_map_get(base, offset);
    return found == byte || (found == CLASS_SAMPLED && byte == slab->size_class);
}

static unsigned check_slab(const struct pool *pool, unsigned size_class, const struct slab *slab)
{
    unsigned byte = pool->map_byte ? pool->map_byte : size_class;
    unsigned faults = 0;
    if (slab->state != SLAB_BLOCKS || slab->size_class != size_class || slab->owner != pool)
        faults += fault(slab, "in a list of another class or pool");
    if (slab->size != size_classes[size_class].size ||
        pooled(slab)->block_count != size_classes[size_class].blocks)
        faults += fault(slab, "cut into blocks of another size");
    if (count_bits(slab) != pooled(slab)->free_count)
        faults += fault(slab, "the bitmap and the count of free blocks differ");
    for (unsigned word = 0; word < pooled(slab)->low_word; word++)
        if (pooled(slab)->bits[word] != 0)
            faults += fault(slab, "a block is free below the lowest word that says so");
    for (unsigned i = 0; i < slab->slab_count; i++)
        if (!has_byte(slab, i, byte))
            faults += fault(slab, "the slab map says another class");
    return faults;
}

static unsigned check_class(struct pool *pool, unsigned size_class)
{
    struct pool_class *class_pool = &pool->classes[size_class];
    unsigned faults = 0;
    size_t slabs = 0;
    lock_acquire(&class_pool->lock);
    for (unsigned list = 0; list < POOL_LISTS; list++)
        for (const struct slab *slab = class_pool->lists[list]; slab; slab = slab->next) {
            slabs++;
            faults += check_slab(pool, size_class, slab);
            if (slab->list != list || pool_list_of(slab) != list)
                faults += fault(slab, "in the wrong list by fullness");
        }
    if (slabs != class_pool->slab_count) {
        log_line("check: class %u has %zu slabs, but %u are counted", size_class, slabs,
                 class_pool->slab_count);
        faults++;
    }
    lock_release(&class_pool->lock);
    return faults;
}

unsigned pool_check(struct pool *pool)
{
    unsigned faults = 0;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        faults += check_class(pool, size_class);
    return faults;
}
