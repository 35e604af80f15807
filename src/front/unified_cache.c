/* SPDX-License-Identifier: MIT */
/*
 * Owns the unified cache, that is all bins of a thread cache together: how a slow path enters and
 * leaves it, refill, growth and flush, and its end. A bin starts without slots and grows when it is
 * used. On frees it first grows by one slot at a time, so that even in a small program a misuse
 * soon meets a check; later it doubles. The budget of the thread cache bounds the sum of all bins.
 * May never change the cache of another living thread.
 */
#include "front/unified_cache.h"
#include "front/bin.h"
#include "front/give_back.h"
#include "front/idle_threads.h"
#include "front/misuse.h"
#include "watch/profile.h"

/* A bin gets this many slots one at a time before it doubles. */
#define SLOW_START_SLOTS 8

/* The bins of a collapsing class are reduced to this many slots, in all threads together. */
#define GIVEN_UP_SLOTS 32

/* How many slabs are taken between two looks for idle bins; and for how many slow paths of the
 * thread a bin must be unused before it counts as idle. The second number is large so that a
 * program which uses all sizes in turn keeps its bins. */
#define TURNOVER_SLABS 16
#define IDLE_SLOW_PATHS 1024

/* If a thread frees a block smaller than a cache line, and has allocated none of its class, another
 * thread has probably allocated the block, and may use its neighbours in the cache line. So the
 * first STRANGERS_MAX - 1 blocks of such a class go to the lane and not into the bin. */
#define STRANGERS_MAX BIN_SLOTS_UNUSED

/* ---- enter and leave ---- */

static void empty_bins(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        bin_empty(cache, size_class);
}

static void enter(struct thread_cache *cache)
{
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    thread_cache_distance = 0;
    /* a plain store and a plain load: the barrier that a visitor makes all threads pass orders
     * them */
    atomic_store_explicit(&cache->is_entered, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire: what the last visitor did to the cache is visible */
    if (unlikely(atomic_load_explicit(&cache->is_visited, memory_order_acquire)))
        idle_threads_wait(cache);
    if (unlikely(cache->has_gaps))
        idle_threads_close_gaps(cache);
    if (unlikely(word_load(&cache->is_to_empty))) {
        word_store(&cache->is_to_empty, false);
        empty_bins(cache);
    }
}

struct thread_cache *unified_cache_enter_own(void)
{
    struct thread_cache *cache = thread_cache_own();
    if (cache)
        enter(cache);
    return cache;
}

struct thread_cache *unified_cache_enter(void)
{
    struct thread_cache *cache = thread_cache_get();
    if (cache)
        enter(cache);
    return cache;
}

struct thread_cache *unified_cache_enter_to_free(void)
{
    struct thread_cache *cache = thread_cache_get_to_free();
    if (cache)
        enter(cache);
    return cache;
}

/* ---- growth and budget ---- */

/* The bytes that each thread cache may hold now: its share of the total, within the bounds for one
 * cache. */
static size_t thread_budget(void)
{
    size_t threads = max_size(thread_cache_count(), 1);
    size_t share = (size_t)settings.caches_total_max / threads;
    if (threads > CROWD_THREADS)
        share /= 2;
    return min_size(max_size(share, THREAD_CACHE_MIN), (size_t)settings.thread_cache_max);
}

/* Halve the number of blocks that a bin may hold, and flush those beyond it. */
static void shrink_bin(struct thread_cache *cache, unsigned size_class)
{
    unsigned limit = bin_limit(cache, size_class) / 2;
    cache->granted -= (size_t)(bin_limit(cache, size_class) - limit) *
                      size_classes[size_class].size;
    cache->limit[size_class] = bin_bottom(cache, size_class) + limit;
    if (bin_count(cache, size_class) > limit)
        bin_flush_oldest(cache, size_class, bin_count(cache, size_class) - limit);
}

/* Move the clock by one bin. The bin loses half of its slots, unless a slow path has used it since
 * the clock last passed. So no class keeps budget that another class needs. */
static void move_clock(struct thread_cache *cache)
{
    unsigned victim = cache->victim = cache->victim % CLASS_ACE_LAST + 1;
    if (!cache->is_busy[victim] && cache->limit[victim] > bin_bottom(cache, victim))
        shrink_bin(cache, victim);
    cache->is_busy[victim] = false;
}

/* Is there budget for `more` bytes? If the budget is spent, the clock looks at one bin: to look at
 * more would make bins that are all in use take slots from each other. If the budget has shrunk,
 * because there are more threads now, the clock looks at all bins once, or at fewer if that is
 * enough. */
static bool need_budget(struct thread_cache *cache, size_t more)
{
    size_t budget = thread_budget();
    if (likely(cache->granted + more <= budget))
        return true;
    unsigned steps = cache->granted > budget ? CLASS_ACE_LAST : 1;
    do
        move_clock(cache);
    while (--steps > 0 && cache->granted > budget);
    return cache->granted + more <= budget;
}

/* Let the bin hold `limit` blocks, if its class and the thread's budget allow it. */
static bool grant(struct thread_cache *cache, unsigned size_class, unsigned limit)
{
    unsigned old_limit = bin_limit(cache, size_class);
    limit = (unsigned)min_size(limit, bin_slots_max(size_class));
    if (limit <= old_limit)
        return false;
    size_t more = (size_t)(limit - old_limit) * size_classes[size_class].size;
    if (!need_budget(cache, more))
        return false;
    if (!bin_need_slots(cache, size_class, limit))
        return false;
    cache->granted += more;
    cache->limit[size_class] = bin_bottom(cache, size_class) + limit;
    return true;
}

/* ---- bins that have gone idle ---- */

/* Give the blocks of a bin to the lane, and its slots back to the budget. */
static void close_bin(struct thread_cache *cache, unsigned size_class)
{
    cache->granted -= (size_t)bin_limit(cache, size_class) * size_classes[size_class].size;
    cache->limit[size_class] = bin_bottom(cache, size_class);
    bin_empty(cache, size_class);
}

/* Close the bins that are idle. Blocks in them keep whole slabs from other sizes, and so cost
 * memory while the heap takes more slabs. The same holds for idle batches in depots. */
static void close_idle_bins(struct thread_cache *cache)
{
    uint32_t turnover = slab_run_turnover();
    if (likely(turnover - cache->turnover < TURNOVER_SLABS))
        return;
    cache->turnover = turnover;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (cache->limit[size_class] > bin_bottom(cache, size_class) &&
            cache->slow_paths - cache->last_use[size_class] > IDLE_SLOW_PATHS)
            close_bin(cache, size_class);
    misuse_stop_at_fault(depot_trim(false));
}

static void note_use(struct thread_cache *cache, unsigned size_class)
{
    cache->is_busy[size_class] = true;
    cache->last_use[size_class] = ++cache->slow_paths;
}

/* ---- refill ---- */

/* How many blocks to ask for: as many as the bin may hold, and at least the one to return. */
static unsigned refill_want(struct thread_cache *cache, unsigned size_class)
{
    unsigned want = cache->refill[size_class];
    if (want > 1)
        grant(cache, size_class, want);
    return (unsigned)max_size(min_size(want, bin_limit(cache, size_class)), 1);
}

static void reverse(void **blocks, unsigned count)
{
    for (unsigned i = 0, j = count; i + 1 < j; i++) {
        void *block = blocks[--j];
        blocks[j] = blocks[i];
        blocks[i] = block;
    }
}

/* Fill an empty bin, and take its top block. The shared pool gives blocks with the lowest address
 * first, and the bin returns them in this order. */
static void *refill_bin(struct thread_cache *cache, unsigned size_class)
{
    note_use(cache, size_class);
    close_idle_bins(cache);
    void *one;
    unsigned want = refill_want(cache, size_class);
    void **blocks = want > 1 ? bin_bottom(cache, size_class) : &one;
    unsigned count = depot_take(size_class, blocks, want);
    if (count == 0) {
        count = pool_take(&shared_pool, size_class, blocks, want);
        reverse(blocks, count);
    }
    if (count == 0)
        return NULL;
    if (want > 1)
        bin_set_top(cache, size_class, blocks + count - 1);
    return blocks[count - 1];
}

static void raise_refill(struct thread_cache *cache, unsigned size_class)
{
    size_t most = min_size(bin_batch_blocks(size_class, (size_t)settings.tiny_refill_batch_size),
                           max_size(bin_slots_max(size_class) / 2, 1));
    cache->is_used[size_class] = true;
    if (size_class <= CLASS_LINE_LAST)
        cache->strangers[size_class] = STRANGERS_MAX;
    cache->refill[size_class] = (uint8_t)min_size(cache->refill[size_class] * 2u, most);
}

/* Take a block from the bin, which need not be empty: making the cache may have called malloc,
 * which filled the bin; or the bin is watched. If it is watched while profiling is off, the command
 * has set the bit from outside, or profiling has just ended: then clear it. */
static void *pop_in_slow_path(struct thread_cache *cache, unsigned size_class)
{
    if (unlikely(bin_is_watched(cache, size_class)) && !profile_is_on())
        thread_cache_watch(cache);
    return bin_pop_watched(cache, size_class);
}

static void *refill(struct thread_cache *cache, unsigned size_class, bool *is_zero)
{
    void *block = NULL;
    *is_zero = false;
    if (cache)
        block = pop_in_slow_path(cache, size_class);
    if (block)
        return block;
    if (is_ace_class(size_class))
        return ace_take(size_class, NULL, is_zero);
    if (!cache)
        return pool_take(&shared_pool, size_class, &block, 1) ? block : NULL;
    block = refill_bin(cache, size_class);
    if (block)
        raise_refill(cache, size_class);
    return block;
}

void *unified_cache_refill(unsigned size_class, bool *is_zero)
{
    struct thread_cache *cache = unified_cache_enter();
    void *block = refill(cache, size_class, is_zero);
    unified_cache_leave(cache);
    return block;
}

/* ---- flush ---- */

static void give_one(unsigned size_class, void *block)
{
    misuse_stop_at_fault(give_back_blocks(size_class, &block, 1));
}

/* Check a block together with all blocks of the bin that it is about to enter. The bin must have a
 * free slot. */
static void judge_with_bin(struct thread_cache *cache, unsigned size_class, void *block)
{
    *word_load(&cache->top[size_class]) = block;
    misuse_stop_at_fault(give_back_judge(size_class, bin_bottom(cache, size_class),
                                         bin_count(cache, size_class) + 1));
}

/* Grow a full bin. But the bin of a thread that only frees need not hold more than a batch. */
static bool grow_bin(struct thread_cache *cache, unsigned size_class, unsigned limit)
{
    if (limit >= bin_batch_blocks(size_class, BIN_SLOTS_UNUSED) && !cache->is_used[size_class])
        return false;
    cache->is_used[size_class] = false;
    return grant(cache, size_class, limit < SLOW_START_SLOTS ? limit + 1 : limit * 2);
}

/* Should memory of this class go back to the kernel soon? Then each block in a bin costs a page, or
 * a span, that the program does not need. */
static bool is_given_up(unsigned size_class)
{
    return is_block_class(size_class) ? collapse_is_on(size_class) : drain_is_on();
}

/* The slots that a bin of a collapsing class may have: each block in it may keep a page present. */
static unsigned given_up_slots(void)
{
    return (unsigned)max_size(GIVEN_UP_SLOTS / max_size(thread_cache_count(), 1), SLOW_START_SLOTS);
}

/* While classes collapse, a thread closes its bins of large blocks once in this many slow paths:
 * each such block keeps many pages present. */
#define CLOSE_EVERY 8

static void close_large_bins(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_ACE_LAST; size_classes[size_class].size > DEPOT_BLOCK_MAX;
         size_class--)
        if (cache->limit[size_class] > bin_bottom(cache, size_class))
            close_bin(cache, size_class);
}

/* Make room in a full bin whose memory is to go back soon: halve the bin and flush half of its
 * blocks. */
static void give_up(struct thread_cache *cache, unsigned size_class)
{
    if (is_block_class(size_class) && cache->slow_paths % CLOSE_EVERY == 0)
        close_large_bins(cache);
    unsigned least = is_block_class(size_class) ? given_up_slots() : 0;
    if (bin_limit(cache, size_class) > least)
        shrink_bin(cache, size_class);
    bin_flush_oldest(cache, size_class, (bin_count(cache, size_class) + 1) / 2);
    if (is_block_class(size_class))
        misuse_stop_at_fault(collapse_pay(size_class));
}

/* Make room in a full bin: flush half of its blocks. If the budget has shrunk, halve the bin
 * too. */
static void flush_or_shrink(struct thread_cache *cache, unsigned size_class)
{
    if (cache->granted > thread_budget())
        shrink_bin(cache, size_class);
    unsigned count = bin_count(cache, size_class);
    bin_flush_oldest(cache, size_class, (count + 1) / 2);
}

/* Is this block likely to share a cache line with blocks that another thread writes to? */
static bool is_stranger(struct thread_cache *cache, unsigned size_class)
{
    return size_class <= CLASS_LINE_LAST && cache->strangers[size_class] < STRANGERS_MAX &&
           ++cache->strangers[size_class] < STRANGERS_MAX;
}

static void flush_bin(struct thread_cache *cache, unsigned size_class, void *block)
{
    if (!cache || bin_slots_max(size_class) == 0) {
        give_one(size_class, block);
        return;
    }
    if (bin_push(cache, size_class, block))
        return; /* the call that made the cache had called us: the bin has room now */
    if (is_stranger(cache, size_class)) {
        give_one(size_class, block);
        return;
    }
    unsigned limit = bin_limit(cache, size_class);
    note_use(cache, size_class);
    if (unlikely(is_given_up(size_class)))
        give_up(cache, size_class);
    else if (grow_bin(cache, size_class, limit))
        judge_with_bin(cache, size_class, block);
    else if (limit > 0)
        flush_or_shrink(cache, size_class);
    if (limit == 1) /* the block that just left the bin may have been this one */
        misuse_stop_at_fault(give_back_judge(size_class, &block, 1));
    if (!bin_push(cache, size_class, block))
        give_one(size_class, block);
}

void unified_cache_flush(unsigned size_class, void *block)
{
    struct thread_cache *cache = unified_cache_enter_to_free();
    flush_bin(cache, size_class, block);
    unified_cache_leave(cache);
}

/* ---- all bins at once ---- */

void unified_cache_empty(void)
{
    struct thread_cache *cache = unified_cache_enter_own();
    if (cache)
        empty_bins(cache);
    unified_cache_leave(cache);
}

void unified_cache_judge(void)
{
    struct thread_cache *cache = unified_cache_enter_own();
    for (unsigned size_class = CLASS_FIRST; cache && size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = bin_count(cache, size_class);
        if (count > 0)
            misuse_stop_at_fault(give_back_judge(size_class, bin_bottom(cache, size_class), count));
    }
    unified_cache_leave(cache);
}

void unified_cache_thread_exit(void)
{
    struct thread_cache *cache = unified_cache_enter_own();
    if (cache)
        empty_bins(cache);
    thread_cache_end();
    if (cache)
        lock_depth--; /* enter's; thread_cache_distance stays that of the empty cache */
}

void unified_cache_reap(void)
{
    struct thread_cache *cache = thread_cache_take_gone();
    if (!cache)
        return;
    if (cache->has_gaps)
        idle_threads_close_gaps(cache);
    empty_bins(cache);
    thread_cache_park(cache);
}
