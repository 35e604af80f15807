/* SPDX-License-Identifier: MIT */
/*
 * The shared pool: per class, slabs cut into blocks, from which all threads draw batches. A slab's
 * bitmap says which blocks are here; blocks in caches or in use are not. Called by the unified
 * cache, the depot and first-class heaps; calls the slab layer for runs. Blocks themselves are
 * never touched. An empty slab leaves under the class lock and goes back to the slab layer after
 * it.
 */
#include "lane/lane.h"

#include <string.h>

struct pool shared_pool;

/* A class that has this many slabs gets as many pages made present ahead as it has slabs. */
#define AHEAD_PAGES_MAX 16

/* A class with fewer slabs is young: it gets no page that it does not need at once. */
#define YOUNG_SLABS 4

/* ---- lists by fullness ---- */

unsigned pool_list_of(const struct slab *slab)
{
    if (slab->free_count == 0)
        return POOL_LIST_FULL;
    /* 3 for nearly full down to 0 for nearly empty, by quarters */
    unsigned used = (unsigned)(slab->block_count - slab->free_count);
    unsigned quarter = slab->block_count / POOL_LIST_FULL;
    return (unsigned)(used >= quarter) + (used >= 2 * quarter) + (used >= 3 * quarter);
}

static void push(struct pool_class *pool, struct slab *slab)
{
    slab->list = (uint8_t)pool_list_of(slab);
    slab->prev = NULL;
    slab->next = pool->lists[slab->list];
    if (slab->next)
        slab->next->prev = slab;
    pool->lists[slab->list] = slab;
}

static void unlink_slab(struct pool_class *pool, struct slab *slab)
{
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        pool->lists[slab->list] = slab->next;
    if (slab->next)
        slab->next->prev = slab->prev;
}

static void relist(struct pool_class *pool, struct slab *slab)
{
    if (slab->list == pool_list_of(slab))
        return;
    unlink_slab(pool, slab);
    push(pool, slab);
}

/* ---- a slab's life ---- */

static size_t bits_bytes(unsigned block_count)
{
    return (block_count + 63u) / 64 * 8;
}

static bool make_bits(struct slab *slab)
{
    size_t bytes = bits_bytes(slab->block_count);
    slab->bits = bytes <= sizeof(slab->inline_bits) ? slab->inline_bits : meta_alloc(bytes);
    if (!slab->bits)
        return false;
    memset(slab->bits, 0xff, bytes);
    unsigned tail = slab->block_count % 64;
    if (tail)
        slab->bits[slab->block_count / 64] = ((uint64_t)1 << tail) - 1;
    return true;
}

static void free_bits(struct slab *slab)
{
    if (slab->bits != slab->inline_bits)
        meta_free(slab->bits, bits_bytes(slab->block_count));
}

static void retire(struct slab *slab)
{
    free_bits(slab);
    slab_run_give(slab);
}

/* A fresh slab, all free, in the pool's lists. NULL when out of memory. */
static struct slab *add_slab_locked(struct pool *pool, unsigned size_class)
{
    const struct size_class *row = &size_classes[size_class];
    bool is_zero;
    struct slab *slab = slab_run_take(row->slabs, &is_zero);
    if (!slab)
        return NULL;
    slab->block_count = slab->free_count = row->blocks;
    slab->size = row->size;
    slab->size_class = (uint8_t)size_class;
    slab->owner = pool;
    slab->carved = 0;
    slab->low_word = 0;
    if (!make_bits(slab)) {
        slab_run_give(slab);
        return NULL;
    }
    slab->state = SLAB_BLOCKS;
    slab_map_set(slab->start, slab->slab_count, pool->map_byte ? pool->map_byte : size_class);
    push(&pool->classes[size_class], slab);
    pool->classes[size_class].slab_count++;
    return slab;
}

/* ---- take ---- */

/* Pages ahead of what is needed now: as many as the class has slabs, so that they grow with it and
 * what goes unused stays a small part of what it has. */
static unsigned pages_ahead(const struct pool_class *pool)
{
    if (settings.ss_prefault != PREFAULT_AUTO)
        return AHEAD_PAGES_MAX;
    return pool->slab_count < YOUNG_SLABS ? 1
                                          : (unsigned)min_size(pool->slab_count, AHEAD_PAGES_MAX);
}

/* Is the class likely to use a huge page up? One of large blocks needs more slabs to be. */
static bool may_begin_huge_page(const struct pool_class *pool, const struct slab *slab)
{
    return pool->slab_count >= (slab->size <= BIN_SMALL_MAX ? 2 : 16);
}

/* Blocks below `end` are about to be handed out for the first time. */
static void carve(struct pool_class *pool, struct slab *slab, unsigned end)
{
    size_t page = os_page_size();
    size_t needed = align_up(end * slab->size, page) / page;
    slab->carved = (uint16_t)end;
    if (needed <= slab->resident || settings.ss_prefault == PREFAULT_OFF)
        return;
    if (may_begin_huge_page(pool, slab) && slab_run_back_huge(slab))
        return;
    size_t all = ((size_t)slab->slab_count << SLAB_SHIFT) / page;
    slab_run_populate(slab, (unsigned)min_size(needed + pages_ahead(pool) - 1, all));
}

/* Blocks below this index may be handed out in one go. In a class that is young, that is what the
 * pages already present hold: a batch is no reason to touch another page. */
static unsigned batch_end(const struct pool_class *pool, const struct slab *slab)
{
    if (pool->slab_count >= YOUNG_SLABS || settings.ss_prefault == PREFAULT_OFF)
        return slab->block_count;
    size_t present = slab->resident * os_page_size() / slab->size;
    return (unsigned)min_size(max_size(slab->carved, present), slab->block_count);
}

/* Those free blocks of a word whose cache lines hold free blocks only. */
static uint64_t whole_lines(uint64_t bits, size_t size)
{
    bits &= bits >> 1;
    if (line_blocks(size) == 2)
        return (bits & 0x5555555555555555) * 0x3;
    bits &= bits >> 2;
    return (bits & 0x1111111111111111) * 0xf;
}

/* Purpose: a batch being taken out of a slab. */
struct taking {
    void **blocks;
    unsigned want;
    unsigned taken;
    unsigned last; /* index of the last block taken */
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
    slab->bits[word] &= ~(bits & ~rest);
}

/* Take free blocks below `end`, lowest first; only whole cache lines of them, if so asked. */
static void take_below(struct slab *slab, unsigned end, bool lines_only, struct taking *taking)
{
    unsigned word = slab->low_word;
    for (; word * 64 < end && slab->bits[word] == 0; word++)
        slab->low_word = (uint8_t)word;
    for (; word * 64 < end && taking->taken < taking->want; word++) {
        uint64_t bits = slab->bits[word];
        if (end - word * 64 < 64)
            bits &= ((uint64_t)1 << (end - word * 64)) - 1;
        if (lines_only)
            bits = whole_lines(bits, slab->size);
        if (bits)
            take_word(slab, word, bits, taking);
    }
}

/* Take the lowest free block, and those of its cache line. */
static void take_line(struct slab *slab, struct taking *taking)
{
    unsigned word = slab->low_word;
    while (slab->bits[word] == 0)
        word++;
    unsigned first = lowest_bit(slab->bits[word]);
    unsigned line = line_blocks(slab->size);
    uint64_t mask = (((uint64_t)1 << line) - 1) << (first & ~(line - 1));
    take_word(slab, word, slab->bits[word] & mask, taking);
}

static unsigned take_from_slab(struct pool_class *pool, struct slab *slab, void **blocks,
                               unsigned want)
{
    struct taking taking = {blocks, want, 0, 0};
    unsigned last = 0;
    /* blocks smaller than a cache line: whole lines first, as far as that touches no new page, so
     * that what two threads are given lies in lines of their own */
    if (slab->size < CACHE_LINE) {
        unsigned present = (unsigned)(slab->resident * os_page_size() / slab->size);
        take_below(slab, (unsigned)min_size(max_size(slab->carved, present), slab->block_count),
                   true, &taking);
        last = taking.last;
    }
    if (taking.taken < (want + 1) / 2)
        take_below(slab, batch_end(pool, slab), false, &taking);
    if (taking.taken == 0)
        take_line(slab, &taking);
    last = (unsigned)max_size(last, taking.last);
    slab->free_count = (uint16_t)(slab->free_count - taking.taken);
    if (last >= slab->carved)
        carve(pool, slab, last + 1);
    relist(pool, slab);
    return taking.taken;
}

static struct slab *fullest_slab(const struct pool_class *pool)
{
    for (unsigned list = POOL_LIST_FULL; list-- > 0;)
        if (pool->lists[list])
            return pool->lists[list];
    return NULL;
}

unsigned pool_take(struct pool *pool, unsigned size_class, void **blocks, unsigned want)
{
    struct pool_class *class_pool = &pool->classes[size_class];
    unsigned taken = 0;
    lock_acquire(&class_pool->lock);
    struct slab *slab = fullest_slab(class_pool);
    if (!slab)
        slab = add_slab_locked(pool, size_class);
    /* one slab's blocks: a short batch is better than a fresh slab or page */
    if (slab)
        taken = take_from_slab(class_pool, slab, blocks, want);
    lock_release(&class_pool->lock);
    return taken;
}

/* ---- give ---- */

/* Purpose: where blocks that come back belong. A batch is mostly of few slabs: each is looked up
 * once for those of its blocks that follow one another. */
struct giving {
    struct pool *pool;
    struct size_class row; /* a copy: what is marked might be the row, for all the compiler knows */
    unsigned size_class;
    struct slab *slab; /* of the last block; NULL at first */
    const char *start; /* of that slab */
    uint64_t *bits;
    size_t span; /* bytes of it in which blocks lie; 0 without a slab */
};

static struct verdict fault_of(const struct giving *giving, enum fault fault, const void *block)
{
    return (struct verdict){fault, block, giving->row.size};
}

static always_inline bool is_in_slab(const struct giving *giving, const void *block)
{
    return (size_t)((const char *)block - giving->start) < giving->span;
}

/* Turn to the slab that covers `block`. A slab that was given back, or is another class's by now,
 * held only free blocks. */
static enum fault find_slab(struct giving *giving, const void *block)
{
    struct slab *slab = slab_find(block);
    if (slab->state != SLAB_BLOCKS || slab->size_class != giving->size_class ||
        slab->owner != giving->pool)
        return FAULT_DOUBLE_FREE;
    giving->slab = slab;
    giving->start = slab->start;
    giving->bits = slab->bits;
    giving->span = (size_t)slab->block_count * giving->row.size;
    return is_in_slab(giving, block) ? FAULT_NONE : FAULT_NOT_START;
}

/* The number of a block of giving->slab. False if none starts there. */
static always_inline bool find_index(const struct giving *giving, const void *block, size_t *index)
{
    size_t offset = (size_t)((const char *)block - giving->start);
    *index = offset * giving->row.reciprocal >> RECIPROCAL_SHIFT;
    return likely(offset == *index * giving->row.size);
}

/* Blocks were put into a slab. If that emptied it, it leaves the pool and goes to *empty: from here
 * on a block of it that comes once more is at fault. */
static void settle_locked(struct pool_class *pool, struct slab *slab, struct slab **empty)
{
    slab->low_word = 0;
    if (slab->free_count < slab->block_count) {
        relist(pool, slab);
        return;
    }
    unlink_slab(pool, slab);
    pool->slab_count--;
    slab->state = SLAB_FREE;
    slab->next = *empty;
    *empty = slab;
}

/* Mark those of the first `count` blocks free that lie in giving->slab, up to the first that does
 * not, or is at fault. Returns how many. A word is written when the next one begins: blocks that
 * were allocated together come back together. */
static unsigned mark_free(const struct giving *giving, void *const *blocks, unsigned count,
                          enum fault *fault)
{
    const struct giving here = *giving; /* in registers: see `row` */
    size_t word = 0;
    uint64_t bits = here.bits[0];
    unsigned marked = 0;
    for (; marked < count && is_in_slab(&here, blocks[marked]); marked++) {
        size_t index;
        if (!find_index(&here, blocks[marked], &index)) {
            *fault = FAULT_NOT_START;
            break;
        }
        if (index / 64 != word) {
            here.bits[word] = bits;
            word = index / 64;
            bits = here.bits[word];
        }
        uint64_t bit = (uint64_t)1 << (index % 64);
        if (unlikely(bits & bit)) {
            *fault = FAULT_DOUBLE_FREE;
            break;
        }
        bits |= bit;
    }
    here.bits[word] = bits;
    return marked;
}

static struct verdict give_locked(struct giving *giving, void *const *blocks, unsigned count,
                                  struct slab **empty)
{
    struct pool_class *class_pool = &giving->pool->classes[giving->size_class];
    enum fault fault = FAULT_NONE;
    for (unsigned done = 0; done < count;) {
        unsigned marked = 0;
        fault = find_slab(giving, blocks[done]);
        if (fault == FAULT_NONE)
            marked = mark_free(giving, blocks + done, count - done, &fault);
        done += marked;
        if (marked > 0) {
            giving->slab->free_count = (uint16_t)(giving->slab->free_count + marked);
            settle_locked(class_pool, giving->slab, empty);
        }
        if (fault != FAULT_NONE)
            return fault_of(giving, fault, blocks[done]);
    }
    return fault_of(giving, FAULT_NONE, NULL);
}

static struct giving giving_to(struct pool *pool, unsigned size_class)
{
    return (struct giving){.pool = pool, .row = size_classes[size_class], .size_class = size_class};
}

struct verdict pool_give(struct pool *pool, unsigned size_class, void *const *blocks,
                         unsigned count)
{
    struct giving giving = giving_to(pool, size_class);
    struct slab *empty = NULL;
    lock_acquire(&pool->classes[size_class].lock);
    struct verdict verdict = give_locked(&giving, blocks, count, &empty);
    lock_release(&pool->classes[size_class].lock);
    while (empty) {
        struct slab *next = empty->next;
        retire(empty);
        empty = next;
    }
    return verdict;
}

/* Mark one block free, or in use again. A block that is marked already is a double free. */
static enum fault mark_one(struct giving *giving, const void *block, bool is_free)
{
    size_t index = 0;
    enum fault fault = FAULT_NONE;
    if (!is_in_slab(giving, block))
        fault = find_slab(giving, block);
    if (fault == FAULT_NONE && !find_index(giving, block, &index))
        fault = FAULT_NOT_START;
    uint64_t *word = &giving->bits[index / 64];
    uint64_t bit = (uint64_t)1 << (index % 64);
    if (fault != FAULT_NONE)
        return fault;
    if (is_free && (*word & bit))
        return FAULT_DOUBLE_FREE;
    *word ^= bit;
    return FAULT_NONE;
}

struct verdict pool_judge(struct pool *pool, unsigned size_class, void *const *blocks,
                          unsigned count)
{
    struct giving giving = giving_to(pool, size_class);
    enum fault fault = FAULT_NONE;
    unsigned marked = 0;
    lock_acquire(&pool->classes[size_class].lock);
    /* marked, so that the same block once more is a double free */
    while (marked < count && (fault = mark_one(&giving, blocks[marked], true)) == FAULT_NONE)
        marked++;
    for (unsigned i = marked; i-- > 0;)
        mark_one(&giving, blocks[i], false);
    lock_release(&pool->classes[size_class].lock);
    return fault_of(&giving, fault, fault == FAULT_NONE ? NULL : blocks[marked]);
}

bool pool_is_start(unsigned size_class, const void *block)
{
    const struct size_class *row = &size_classes[size_class];
    struct slab *slab = slab_find(block);
    size_t offset = (size_t)((const char *)block - slab->start);
    size_t index = offset * row->reciprocal >> RECIPROCAL_SHIFT;
    return slab->state == SLAB_BLOCKS && slab->size_class == size_class &&
           offset == index * row->size && index < slab->block_count;
}

void pool_destroy(struct pool *pool)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        struct pool_class *class_pool = &pool->classes[size_class];
        for (unsigned list = 0; list < POOL_LISTS; list++)
            while (class_pool->lists[list]) {
                struct slab *slab = class_pool->lists[list];
                unlink_slab(class_pool, slab);
                retire(slab);
            }
    }
}
