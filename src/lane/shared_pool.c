/* SPDX-License-Identifier: MIT */
/*
 * Owns how blocks are taken from a pool, and how its slabs come and go. For each class of the
 * shared pool there are slabs cut into blocks, from which all threads take batches. A slab's bitmap
 * says which of its blocks are here; other blocks are in caches or in use. Blocks themselves may
 * never be touched. An empty slab leaves the pool under the class lock, and goes back to the slab
 * layer after the lock is released.
 */
#include "lane/shared_pool.h"
#include "lane/collapse.h"
#include "lane/parts.h"
#include "slab/decay.h"
#include "slab/drain.h"
#include "slab/huge_page.h"
#include "slab/meta.h"
#include "slab/room.h"
#include "slab/slab_run.h"

#include <string.h>

/* From the last page that a batch needs on, one page is made present for each slab of the class,
 * but at most this many. */
#define AHEAD_PAGES_MAX 16

/* A class with fewer slabs is young. It gets no page that it does not need at once. */
#define YOUNG_SLABS 4

/* ---- a slab's life ---- */

static size_t bits_bytes(unsigned block_count)
{
    return (block_count + 63u) / 64 * 8;
}

static bool make_bits(struct pool_slab *blocks)
{
    size_t bytes = bits_bytes(blocks->block_count);
    blocks->bits = bytes <= sizeof(blocks->inline_bits) ? blocks->inline_bits : meta_alloc(bytes);
    if (!blocks->bits)
        return false;
    memset(blocks->bits, 0xff, bytes);
    unsigned tail = blocks->block_count % 64;
    if (tail)
        blocks->bits[blocks->block_count / 64] = ((uint64_t)1 << tail) - 1;
    return true;
}

static void free_bits(struct pool_slab *blocks)
{
    if (blocks->bits != blocks->inline_bits)
        meta_free(blocks->bits, bits_bytes(blocks->block_count));
}

void pool_retire(struct slab *slab)
{
    struct pool_slab *blocks = pooled(slab);
    size_t bytes = (size_t)slab->slab_count << SLAB_SHIFT;
    bool is_hollow = blocks->absent && 2 * parts_absent_bytes(slab) >= bytes;
    if (blocks->absent)
        parts_forget(slab);
    free_bits(blocks);
    if (is_hollow)
        slab_run_give_hollow(slab);
    else
        slab_run_give(slab);
    drain_after_give(bytes);
}

/* Add a slab with all blocks free to the pool's lists. NULL when out of memory. */
static struct slab *add_slab_locked(struct pool *pool, unsigned size_class)
{
    const struct size_class *row = &size_classes[size_class];
    bool is_zero;
    struct slab *slab = slab_run_take(row->slabs, &is_zero);
    if (!slab)
        return NULL;
    struct pool_slab *blocks = pooled(slab);
    blocks->block_count = blocks->free_count = row->blocks;
    blocks->carved = 0;
    blocks->low_word = 0;
    blocks->absent = 0;
    blocks->is_dirty = false;
    slab->size = row->size;
    slab->size_class = (uint8_t)size_class;
    slab->owner = pool;
    if (!make_bits(blocks)) {
        slab_run_give(slab);
        return NULL;
    }
    slab_run_note_pooled(slab);
    slab_map_set(slab->start, slab->slab_count, pool->map_byte ? pool->map_byte : size_class);
    pool_list_add(&pool->classes[size_class], slab);
    pool->classes[size_class].slab_count++;
    return slab;
}

bool pool_leave_if_empty(struct pool_class *class_pool, struct slab *slab)
{
    if (pooled(slab)->free_count < pooled(slab)->block_count)
        return false;
    pool_list_remove(class_pool, slab);
    class_pool->slab_count--;
    collapse_note_leave_locked(slab);
    /* from here on, any block of this slab that is freed is at fault */
    slab->state = SLAB_FREE;
    return true;
}

/* ---- take ---- */

/* The number of pages to make present, from the last that the batch needs on. It grows with the
 * number of the class's slabs, so that unused pages stay a small part of the class's memory. */
static unsigned pages_ahead(const struct pool_class *class_pool)
{
    if (settings.ss_prefault != PREFAULT_AUTO)
        return AHEAD_PAGES_MAX;
    return class_pool->slab_count < YOUNG_SLABS
               ? 1
               : (unsigned)min_size(class_pool->slab_count, AHEAD_PAGES_MAX);
}

/* Is the class likely to use all of a huge page? A class of large blocks must have more slabs for
 * that. */
static bool may_begin_huge_page(const struct pool_class *class_pool, const struct slab *slab)
{
    return settings.huge_pages == HUGE_PAGES_ALWAYS ||
           class_pool->slab_count >= (slab->size <= BIN_SMALL_MAX ? 2 : 16);
}

/* Blocks below `end` are about to be handed out for the first time. Returns the pages that the
 * caller must make present. */
static struct unpopulated carve(struct pool_class *class_pool, struct slab *slab, unsigned end)
{
    const struct unpopulated none = {NULL, 0};
    size_t page = os_page_size();
    size_t needed = align_up(end * slab->size, page) / page;
    pooled(slab)->carved = (uint16_t)end;
    if (needed <= slab->resident || settings.ss_prefault == PREFAULT_OFF)
        return none;
    if (may_begin_huge_page(class_pool, slab) && huge_page_back_run(slab))
        return none;
    size_t all = ((size_t)slab->slab_count << SLAB_SHIFT) / page;
    return slab_run_note_present(slab,
                                 (unsigned)min_size(needed + pages_ahead(class_pool) - 1, all));
}

/* The end of the blocks that may be handed out in one batch. In a young class only those are whose
 * pages are present already: a batch is no reason to use another page. */
static unsigned batch_end(const struct pool_class *class_pool, const struct slab *slab)
{
    if (class_pool->slab_count >= YOUNG_SLABS || settings.ss_prefault == PREFAULT_OFF)
        return pooled(slab)->block_count;
    size_t present = slab->resident * os_page_size() / slab->size;
    return (unsigned)min_size(max_size(pooled(slab)->carved, present), pooled(slab)->block_count);
}

/* The free blocks of a bitmap word whose cache lines have free blocks only. */
static uint64_t whole_lines(uint64_t bits, size_t size)
{
    bits &= bits >> 1;
    if (line_blocks(size) == 2)
        return (bits & 0x5555555555555555) * 0x3;
    bits &= bits >> 2;
    return (bits & 0x1111111111111111) * 0xf;
}

/* Purpose: a batch that is being taken out of a slab, and the pages that it needs. The slab cannot
 * leave its pool while the batch is out, so the pages may be made present without the lock. */
struct taking {
    void **blocks;
    unsigned want;
    unsigned taken;
    unsigned last; /* index of the last block taken */
    const struct slab *slab;
    struct unpopulated fresh; /* pages that were never used */
    uint64_t parts;           /* absent parts that the batch uses */
};

static void take_word(struct slab *slab, unsigned word, uint64_t bits, struct taking *taking)
{
    const char *start = slab->start + (size_t)word * 64 * slab->size;
    unsigned taken = taking->taken;
    uint64_t rest = bits;
    for (; rest && taken < taking->want; rest &= rest - 1) {
        taking->last = lowest_bit(rest);
        taking->blocks[taken++] = (void *)(start + taking->last * slab->size);
    }
    taking->last += word * 64;
    taking->taken = taken;
    pooled(slab)->bits[word] &= ~(bits & ~rest);
}

/* Take free blocks below `end`, lowest first; with `lines_only`, only whole cache lines of them. */
static void take_below(struct slab *slab, unsigned end, bool lines_only, struct taking *taking)
{
    unsigned word = pooled(slab)->low_word;
    for (; word * 64 < end && pooled(slab)->bits[word] == 0; word++)
        pooled(slab)->low_word = (uint8_t)word;
    for (; word * 64 < end && taking->taken < taking->want; word++) {
        uint64_t bits = pooled(slab)->bits[word];
        if (end - word * 64 < 64)
            bits &= ((uint64_t)1 << (end - word * 64)) - 1;
        if (lines_only)
            bits = whole_lines(bits, slab->size);
        if (bits)
            take_word(slab, word, bits, taking);
    }
}

/* Take the lowest free block, and the free blocks that share its cache lines. */
static void take_line(struct slab *slab, struct taking *taking)
{
    unsigned word = pooled(slab)->low_word;
    while (pooled(slab)->bits[word] == 0)
        word++;
    unsigned first = lowest_bit(pooled(slab)->bits[word]);
    unsigned line = line_blocks(slab->size);
    uint64_t mask = (((uint64_t)1 << line) - 1) << (first & ~(line - 1));
    take_word(slab, word, pooled(slab)->bits[word] & mask, taking);
}

/* Absent parts that hold the taken blocks come into use again. */
noinline_cold static void take_absent(struct slab *slab, struct taking *taking)
{
    uint64_t parts = parts_take(slab, taking->blocks, taking->taken);
    size_t bytes = (size_t)__builtin_popcountll(parts) * part_bytes(slab);
    if (!parts)
        return;
    room_charge(bytes);
    collapse_note_return_locked(slab, bytes);
    if (settings.ss_prefault != PREFAULT_OFF)
        taking->parts = parts;
}

static void take_from_slab(struct pool_class *class_pool, struct slab *slab, struct taking *taking)
{
    struct pool_slab *own = pooled(slab);
    unsigned last = 0;
    unsigned carved = own->carved;
    taking->slab = slab;
    /* Blocks smaller than a cache line: take whole lines first, as far as that uses no new page, so
     * that blocks of different threads lie in different lines. */
    if (slab->size < CACHE_LINE) {
        unsigned present = (unsigned)(slab->resident * os_page_size() / slab->size);
        take_below(slab, (unsigned)min_size(max_size(own->carved, present), own->block_count), true,
                   taking);
        last = taking->last;
    }
    if (taking->taken < (taking->want + 1) / 2)
        take_below(slab, batch_end(class_pool, slab), false, taking);
    if (taking->taken == 0)
        take_line(slab, taking);
    last = (unsigned)max_size(last, taking->last);
    slab->age = decay_epoch();
    if (unlikely(own->absent != 0))
        take_absent(slab, taking);
    own->free_count = (uint16_t)(own->free_count - taking->taken);
    if (last >= own->carved)
        taking->fresh = carve(class_pool, slab, last + 1);
    collapse_note_locked(slab->owner, slab->size_class, (ptrdiff_t)taking->taken,
                         ((ptrdiff_t)(own->carved - carved) - (ptrdiff_t)taking->taken) *
                             (ptrdiff_t)slab->size);
    pool_relist(class_pool, slab);
}

static void make_present(const struct taking *taking)
{
    if (taking->parts)
        parts_make_present(taking->slab, taking->parts);
    slab_run_make_present(taking->fresh);
}

unsigned pool_take(struct pool *pool, unsigned size_class, void **blocks, unsigned want)
{
    struct pool_class *class_pool = &pool->classes[size_class];
    struct taking taking = {.blocks = blocks, .want = want};
    /* touching writes to pages: other threads must not get blocks in them meanwhile */
    bool is_by_touching = settings.ss_prefault == PREFAULT_TOUCH;
    lock_acquire(&class_pool->lock);
    class_pool->is_touched = true;
    struct slab *slab = pool_fullest(class_pool);
    if (!slab)
        slab = add_slab_locked(pool, size_class);
    /* blocks of one slab only: a short batch is better than a fresh slab or page */
    if (slab)
        take_from_slab(class_pool, slab, &taking);
    if (pool == &shared_pool)
        pool_traffic[size_class].traffic.refilled += taking.taken;
    if (is_by_touching)
        make_present(&taking);
    lock_release(&class_pool->lock);
    if (!is_by_touching)
        make_present(&taking);
    return taking.taken;
}

void pool_trim(struct pool *pool, unsigned size_class, bool all)
{
    struct pool_class *class_pool = &pool->classes[size_class];
    lock_acquire(&class_pool->lock);
    struct slab *slab = class_pool->lists[0];
    bool is_idle = all || !class_pool->is_touched;
    class_pool->is_touched = false;
    if (!is_idle || !slab || !pool_is_last(class_pool, slab) ||
        !pool_leave_if_empty(class_pool, slab))
        slab = NULL;
    lock_release(&class_pool->lock);
    if (slab)
        pool_retire(slab);
}

/* Move all slabs of a class to the front of *all. */
static void leave_class(struct pool_class *class_pool, struct slab **all)
{
    lock_acquire(&class_pool->lock);
    for (unsigned list = 0; list < POOL_LISTS; list++)
        for (struct slab *slab; (slab = class_pool->lists[list]) != NULL;) {
            pool_list_remove(class_pool, slab);
            slab->next = *all;
            *all = slab;
        }
    class_pool->slab_count = 0;
    lock_release(&class_pool->lock);
}

void pool_destroy(struct pool *pool)
{
    struct slab *all = NULL;
    decay_lock(); /* no slab's pages are being purged now */
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        leave_class(&pool->classes[size_class], &all);
    decay_unlock();
    while (all) {
        struct slab *next = all->next;
        pool_retire(all);
        all = next;
    }
}
