/* SPDX-License-Identifier: MIT */
/*
 * The unified cache, all bins of a thread: how a slow path enters and leaves it, its refill, growth
 * and flush, and its end. Called by route.c when a bin is empty or full; calls the depot, the
 * shared pool and ACE. Bins start without slots and grow with demand: on frees by one slot at a
 * time at first, so that a misuse in a small program meets a check at once, and later by doubling.
 * A thread's budget bounds the sum.
 */
#include "front/unified_cache.h"
#include "front/bin.h"
#include "front/give_back.h"
#include "front/idle_threads.h"
#include "front/misuse.h"

/* Slots granted one at a time before a bin doubles. */
#define SLOW_START_SLOTS 8

/* The slots to which bins of a collapsing class are reduced, for all threads together. */
#define GIVEN_UP_SLOTS 32

/* Slabs that are taken between two looks for idle bins, and how long one must have been left alone,
 * in slow paths of the thread: a program that goes through all sizes one after another keeps its
 * bins. */
#define TURNOVER_SLABS 16
#define IDLE_SLOW_PATHS 1024

/* The first blocks smaller than a cache line that are freed by a thread which has allocated none
 * go to the lane, this many of them: another thread has allocated them, and may have their
 * neighbours. */
#define STRANGERS_MAX BIN_SLOTS_UNUSED

/* ---- enter and leave ---- */

static void empty_heap(struct thread_heap *heap)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        bin_empty(heap, size_class);
}

static void enter(struct thread_heap *heap)
{
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    thread_heap_distance = 0;
    /* a plain store and a plain load: a visitor's barrier in all threads orders them */
    atomic_store_explicit(&heap->is_entered, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire: what the last visitor did to the heap is visible */
    if (unlikely(atomic_load_explicit(&heap->is_visited, memory_order_acquire)))
        idle_threads_wait(heap);
    if (unlikely(heap->has_gaps))
        idle_threads_close_gaps(heap);
    if (unlikely(word_load(&heap->is_to_empty))) {
        word_store(&heap->is_to_empty, false);
        empty_heap(heap);
    }
}

struct thread_heap *unified_cache_enter_own(void)
{
    struct thread_heap *heap = thread_heap_own();
    if (heap)
        enter(heap);
    return heap;
}

struct thread_heap *unified_cache_enter(void)
{
    struct thread_heap *heap = thread_heap_get();
    if (heap)
        enter(heap);
    return heap;
}

struct thread_heap *unified_cache_enter_to_free(void)
{
    struct thread_heap *heap = thread_heap_get_to_free();
    if (heap)
        enter(heap);
    return heap;
}

/* ---- growth and budget ---- */

/* The bytes that each thread may hold now: its share of the total, within its own bounds. */
static size_t thread_budget(void)
{
    size_t threads = max_size(thread_heap_count(), 1);
    size_t share = (size_t)settings.caches_total_max / threads;
    if (threads > CROWD_THREADS)
        share /= 2;
    return min_size(max_size(share, THREAD_CACHE_MIN), (size_t)settings.thread_cache_max);
}

/* Halve what a bin may hold, and flush what does not fit any more. */
static void shrink_bin(struct thread_heap *heap, unsigned size_class)
{
    unsigned limit = bin_limit(heap, size_class) / 2;
    heap->granted -= (size_t)(bin_limit(heap, size_class) - limit) * size_classes[size_class].size;
    heap->limit[size_class] = heap->bottom[size_class] + limit;
    if (bin_count(heap, size_class) > limit)
        bin_flush_oldest(heap, size_class, bin_count(heap, size_class) - limit);
}

/* One bin loses half if it has been idle, so that no class keeps what another needs. The hand of a
 * clock moves on by one each time; a bin that was busy since its last visit stays. */
static void move_clock(struct thread_heap *heap)
{
    unsigned victim = heap->victim = heap->victim % CLASS_ACE_LAST + 1;
    if (!heap->is_busy[victim] && heap->limit[victim] > heap->bottom[victim])
        shrink_bin(heap, victim);
    heap->is_busy[victim] = false;
}

/* Is there budget for `more` bytes? Where it is used up the clock moves by one: bins that are all
 * in use would only take from each other. Where there are more threads than when the bins grew it
 * moves until they are within it, or once round. */
static bool need_budget(struct thread_heap *heap, size_t more)
{
    size_t budget = thread_budget();
    if (likely(heap->granted + more <= budget))
        return true;
    unsigned steps = heap->granted > budget ? CLASS_ACE_LAST : 1;
    do
        move_clock(heap);
    while (--steps > 0 && heap->granted > budget);
    return heap->granted + more <= budget;
}

/* Let the bin hold `limit` blocks, as far as its class and the thread's budget allow. */
static bool grant(struct thread_heap *heap, unsigned size_class, unsigned limit)
{
    unsigned old_limit = bin_limit(heap, size_class);
    limit = (unsigned)min_size(limit, bin_slots_max(size_class));
    if (limit <= old_limit)
        return false;
    size_t more = (size_t)(limit - old_limit) * size_classes[size_class].size;
    if (!need_budget(heap, more))
        return false;
    if (!bin_need_slots(heap, size_class, limit))
        return false;
    heap->granted += more;
    heap->limit[size_class] = heap->bottom[size_class] + limit;
    return true;
}

/* ---- bins that have gone idle ---- */

/* Give all that a bin holds, and may hold, back to the lane. */
static void close_bin(struct thread_heap *heap, unsigned size_class)
{
    heap->granted -= (size_t)bin_limit(heap, size_class) * size_classes[size_class].size;
    heap->limit[size_class] = heap->bottom[size_class];
    bin_empty(heap, size_class);
}

/* While slabs are taken, blocks in bins of sizes that the program has turned away from could be
 * used instead, and they keep whole slabs from other sizes. The same holds for idle batches in
 * depots. */
static void close_idle_bins(struct thread_heap *heap)
{
    uint32_t turnover = slab_run_turnover();
    if (likely(turnover - heap->turnover < TURNOVER_SLABS))
        return;
    heap->turnover = turnover;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (heap->limit[size_class] > heap->bottom[size_class] &&
            heap->slow_paths - heap->last_use[size_class] > IDLE_SLOW_PATHS)
            close_bin(heap, size_class);
    misuse_stop_at_fault(depot_trim(false));
}

static void note_use(struct thread_heap *heap, unsigned size_class)
{
    heap->is_busy[size_class] = true;
    heap->last_use[size_class] = ++heap->slow_paths;
}

/* ---- refill ---- */

/* How many blocks to ask for: as many as the bin has room for, or the one to return. */
static unsigned refill_want(struct thread_heap *heap, unsigned size_class)
{
    unsigned want = heap->refill[size_class];
    if (want > 1)
        grant(heap, size_class, want);
    return (unsigned)max_size(min_size(want, bin_limit(heap, size_class)), 1);
}

static void reverse(void **blocks, unsigned count)
{
    for (unsigned i = 0, j = count; i + 1 < j; i++) {
        void *block = blocks[--j];
        blocks[j] = blocks[i];
        blocks[i] = block;
    }
}

/* Fill an empty bin, and take the block on top. The shared pool's come lowest address first: they
 * are popped in that order. */
static void *refill_bin(struct thread_heap *heap, unsigned size_class)
{
    note_use(heap, size_class);
    close_idle_bins(heap);
    void *one;
    unsigned want = refill_want(heap, size_class);
    void **blocks = want > 1 ? heap->bottom[size_class] : &one;
    unsigned count = depot_take(size_class, blocks, want);
    if (count == 0) {
        count = pool_take(&shared_pool, size_class, blocks, want);
        reverse(blocks, count);
    }
    if (count == 0)
        return NULL;
    if (want > 1)
        bin_set_top(heap, size_class, blocks + count - 1);
    return blocks[count - 1];
}

static void raise_refill(struct thread_heap *heap, unsigned size_class)
{
    size_t most = min_size(bin_batch_blocks(size_class, (size_t)settings.tiny_refill_batch_size),
                           max_size(bin_slots_max(size_class) / 2, 1));
    heap->is_used[size_class] = true;
    if (size_class <= CLASS_LINE_LAST)
        heap->strangers[size_class] = STRANGERS_MAX;
    heap->refill[size_class] = (uint8_t)min_size(heap->refill[size_class] * 2u, most);
}

static void *refill(struct thread_heap *heap, unsigned size_class, bool *is_zero)
{
    void *block = NULL;
    *is_zero = false;
    if (heap) /* making the heap may have called us and filled the bin */
        block = bin_pop(heap, size_class);
    if (block)
        return block;
    if (is_ace_class(size_class))
        return ace_take(size_class, NULL, is_zero);
    if (!heap)
        return pool_take(&shared_pool, size_class, &block, 1) ? block : NULL;
    block = refill_bin(heap, size_class);
    if (block)
        raise_refill(heap, size_class);
    return block;
}

void *unified_cache_refill(unsigned size_class, bool *is_zero)
{
    struct thread_heap *heap = unified_cache_enter();
    void *block = refill(heap, size_class, is_zero);
    unified_cache_leave(heap);
    return block;
}

/* ---- flush ---- */

static void give_one(unsigned size_class, void *block)
{
    misuse_stop_at_fault(give_back_blocks(size_class, &block, 1));
}

/* Check a block that is about to enter a bin, which has room, with all that the bin holds. */
static void judge_with_bin(struct thread_heap *heap, unsigned size_class, void *block)
{
    *word_load(&heap->top[size_class]) = block;
    misuse_stop_at_fault(
        give_back_judge(size_class, heap->bottom[size_class], bin_count(heap, size_class) + 1));
}

/* A full bin grows, unless the thread only frees: then it need not hold more than a batch. */
static bool grow_bin(struct thread_heap *heap, unsigned size_class, unsigned limit)
{
    if (limit >= bin_batch_blocks(size_class, BIN_SLOTS_UNUSED) && !heap->is_used[size_class])
        return false;
    heap->is_used[size_class] = false;
    return grant(heap, size_class, limit < SLOW_START_SLOTS ? limit + 1 : limit * 2);
}

/* Should memory that is freed in this class go back to the kernel soon? Then a block in a bin keeps
 * a page, or a span, that the program does not need. */
static bool is_given_up(unsigned size_class)
{
    return is_block_class(size_class) ? collapse_is_on(size_class) : drain_is_on();
}

/* The slots that a bin of a collapsing class may have: each block in it may keep a page. */
static unsigned given_up_slots(void)
{
    return (unsigned)max_size(GIVEN_UP_SLOTS / max_size(thread_heap_count(), 1), SLOW_START_SLOTS);
}

/* In a thread whose classes collapse, so many slow paths between two closings of its bins of large
 * blocks: each such block keeps many pages. */
#define CLOSE_EVERY 8

static void close_large_bins(struct thread_heap *heap)
{
    for (unsigned size_class = CLASS_ACE_LAST; size_classes[size_class].size > DEPOT_BLOCK_MAX;
         size_class--)
        if (heap->limit[size_class] > heap->bottom[size_class])
            close_bin(heap, size_class);
}

/* Make room in a full bin whose class is given up, by giving up half of a larger one. */
static void give_up(struct thread_heap *heap, unsigned size_class)
{
    if (is_block_class(size_class) && heap->slow_paths % CLOSE_EVERY == 0)
        close_large_bins(heap);
    unsigned least = is_block_class(size_class) ? given_up_slots() : 0;
    if (bin_limit(heap, size_class) > least)
        shrink_bin(heap, size_class);
    bin_flush_oldest(heap, size_class, (bin_count(heap, size_class) + 1) / 2);
    if (is_block_class(size_class))
        misuse_stop_at_fault(collapse_pay(size_class));
}

/* Make room in a full bin; when there are more threads than when it grew, by giving up half. */
static void flush_or_shrink(struct thread_heap *heap, unsigned size_class)
{
    if (heap->granted > thread_budget())
        shrink_bin(heap, size_class);
    unsigned count = bin_count(heap, size_class);
    bin_flush_oldest(heap, size_class, (count + 1) / 2);
}

/* Is this block likely to be of a cache line that another thread writes to? */
static bool is_stranger(struct thread_heap *heap, unsigned size_class)
{
    return size_class <= CLASS_LINE_LAST && heap->strangers[size_class] < STRANGERS_MAX &&
           ++heap->strangers[size_class] < STRANGERS_MAX;
}

static void flush_bin(struct thread_heap *heap, unsigned size_class, void *block)
{
    if (!heap || bin_slots_max(size_class) == 0) {
        give_one(size_class, block);
        return;
    }
    if (bin_push(heap, size_class, block))
        return; /* making the heap had called us: the bin has room after all */
    if (is_stranger(heap, size_class)) {
        give_one(size_class, block);
        return;
    }
    unsigned limit = bin_limit(heap, size_class);
    note_use(heap, size_class);
    if (unlikely(is_given_up(size_class)))
        give_up(heap, size_class);
    else if (grow_bin(heap, size_class, limit))
        judge_with_bin(heap, size_class, block);
    else if (limit > 0)
        flush_or_shrink(heap, size_class);
    if (limit == 1) /* what left the bin may have been this block */
        misuse_stop_at_fault(give_back_judge(size_class, &block, 1));
    if (!bin_push(heap, size_class, block))
        give_one(size_class, block);
}

void unified_cache_flush(unsigned size_class, void *block)
{
    struct thread_heap *heap = unified_cache_enter_to_free();
    flush_bin(heap, size_class, block);
    unified_cache_leave(heap);
}

/* ---- whole heaps ---- */

void unified_cache_empty(void)
{
    struct thread_heap *heap = unified_cache_enter_own();
    if (heap)
        empty_heap(heap);
    unified_cache_leave(heap);
}

void unified_cache_judge(void)
{
    struct thread_heap *heap = unified_cache_enter_own();
    for (unsigned size_class = CLASS_FIRST; heap && size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = bin_count(heap, size_class);
        if (count > 0)
            misuse_stop_at_fault(give_back_judge(size_class, heap->bottom[size_class], count));
    }
    unified_cache_leave(heap);
}

void unified_cache_thread_exit(void)
{
    struct thread_heap *heap = unified_cache_enter_own();
    if (heap)
        empty_heap(heap);
    thread_heap_end();
    if (heap)
        lock_depth--; /* enter's; thread_heap_distance stays that of the empty heap */
}

void unified_cache_reap(void)
{
    struct thread_heap *heap = thread_heap_take_gone();
    if (!heap)
        return;
    if (heap->has_gaps)
        idle_threads_close_gaps(heap);
    empty_heap(heap);
    thread_heap_park(heap);
}
