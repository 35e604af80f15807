/* SPDX-License-Identifier: MIT */
/*
 * The unified cache: a thread's magazines, their refill, growth and flush, and the list of all
 * threads' heaps. Called by route.c when a bin is empty or full; calls the depot, the shared pool
 * and ACE. Bins start without slots and grow with demand; the first slots are granted one by one,
 * so that a misuse in a small program meets a check at once, and later ones by doubling.
 */
#include "front/front.h"

#include <string.h>

__thread ptrdiff_t thread_heap_distance;

/* Slots granted one at a time before a bin doubles. */
#define SLOW_START_SLOTS 8

/* The heap of a thread that has ended its own: empty and full like the first one, but for good. */
static struct thread_heap exited_heap;

/* Purpose: all heaps. Owner: lock. Lock order: this -> a heap's lock; both are leaves otherwise. */
static struct {
    struct lock lock;
    struct thread_heap *live;
    struct thread_heap *spare;
    _Atomic size_t live_count; /* changed under the lock, read without */
} heaps;

void (*unified_cache_on_new_heap)(struct thread_heap *heap);

/* ---- heaps ---- */

static void set_thread_heap(struct thread_heap *heap)
{
    thread_heap_distance = (char *)heap - (char *)reservation_get();
}

static void link_live_locked(struct thread_heap *heap)
{
    heap->prev = NULL;
    heap->next = heaps.live;
    if (heap->next)
        heap->next->prev = heap;
    heaps.live = heap;
    atomic_fetch_add_explicit(&heaps.live_count, 1, memory_order_relaxed);
}

static void unlink_live_locked(struct thread_heap *heap)
{
    atomic_fetch_sub_explicit(&heaps.live_count, 1, memory_order_relaxed);
    if (heap->prev)
        heap->prev->next = heap->next;
    else
        heaps.live = heap->next;
    if (heap->next)
        heap->next->prev = heap->prev;
}

/* A live heap with our thread's number: made before the loader reset our thread-local storage, or
 * by a thread that ended without telling us and whose number is ours now. */
static struct thread_heap *find_own_locked(uint32_t thread_id)
{
    struct thread_heap *heap = heaps.live;
    while (heap && heap->thread_id != thread_id)
        heap = heap->next;
    return heap;
}

static void set_up(struct thread_heap *heap)
{
    for (size_t step = 0; step < TINY_STEPS; step++)
        heap->size_class[step] = (uint8_t)size_class_of(step * BLOCK_ALIGN);
    memset(heap->refill, 1, sizeof(heap->refill));
}

static struct thread_heap *acquire_heap(void)
{
    uint32_t thread_id = os_thread_id();
    lock_acquire(&heaps.lock);
    struct thread_heap *heap = find_own_locked(thread_id);
    bool is_new = heap == NULL;
    if (is_new && heaps.spare) {
        heap = heaps.spare;
        heaps.spare = heap->next;
    } else if (is_new) {
        heap = meta_alloc(sizeof(*heap));
        if (heap)
            set_up(heap);
    }
    if (is_new && heap) {
        heap->thread_id = thread_id;
        link_live_locked(heap);
    }
    lock_release(&heaps.lock);
    return heap;
}

struct thread_heap *unified_cache_heap(void)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    if (likely(thread_heap_distance != 0))
        return heap == &exited_heap ? NULL : heap;
    heap = acquire_heap();
    if (!heap)
        return NULL;
    set_thread_heap(heap);
    if (unified_cache_on_new_heap)
        unified_cache_on_new_heap(heap);
    return heap;
}

/* ---- bins ---- */

static void **get_top(struct thread_heap *heap, unsigned size_class)
{
    return word_load(&heap->top[size_class]);
}

static void set_top(struct thread_heap *heap, unsigned size_class, void **top)
{
    word_store(&heap->top[size_class], top);
}

static unsigned bin_count(struct thread_heap *heap, unsigned size_class)
{
    return (unsigned)(get_top(heap, size_class) - heap->bottom[size_class]);
}

static unsigned bin_limit(const struct thread_heap *heap, unsigned size_class)
{
    return (unsigned)(heap->limit[size_class] - heap->bottom[size_class]);
}

/* The most slots that a bin of this class may ever have. */
static unsigned slots_max(unsigned size_class)
{
    size_t size = size_classes[size_class].size;
    if (size <= BIN_BYTES_MAX / 4)
        return (unsigned)min_size(BIN_BYTES_MAX / size, BIN_SLOTS_MAX);
    if (size <= 128 * KIB)
        return 2;
    return size <= 512 * KIB ? 1 : 0;
}

/* Length of the magazine for that many blocks. */
static unsigned magazine_slots(unsigned blocks)
{
    return blocks <= 8 ? 8 : blocks <= 32 ? 32 : blocks <= 128 ? 128 : BIN_SLOTS_MAX;
}

/* Room for `blocks` in the magazine. False when metadata is short. */
static bool need_slots(struct thread_heap *heap, unsigned size_class, unsigned blocks)
{
    unsigned old_slots = heap->slots[size_class];
    if (blocks <= old_slots)
        return true;
    unsigned slots = magazine_slots(blocks);
    void **magazine = meta_alloc(slots * sizeof(void *));
    if (!magazine)
        return false;
    void **old = heap->bottom[size_class];
    unsigned count = bin_count(heap, size_class);
    unsigned limit = bin_limit(heap, size_class);
    if (count > 0)
        memcpy(magazine, old, count * sizeof(void *));
    lock_acquire(&heap->lock);
    heap->bottom[size_class] = magazine;
    set_top(heap, size_class, magazine + count);
    lock_release(&heap->lock);
    heap->limit[size_class] = magazine + limit;
    heap->slots[size_class] = (uint16_t)slots;
    if (old)
        meta_free(old, old_slots * sizeof(void *));
    return true;
}

/* What each thread may hold now: its share of the total, within its own bounds. */
static size_t thread_budget(void)
{
    size_t threads = atomic_load_explicit(&heaps.live_count, memory_order_relaxed);
    size_t share = (size_t)settings.caches_total_max / max_size(threads, 1);
    return min_size(max_size(share, THREAD_CACHE_MIN), (size_t)settings.thread_cache_max);
}

/* Let the bin hold `limit` blocks, as far as its class and the thread's budget allow. */
static bool grant(struct thread_heap *heap, unsigned size_class, unsigned limit)
{
    unsigned old_limit = bin_limit(heap, size_class);
    limit = (unsigned)min_size(limit, slots_max(size_class));
    if (limit <= old_limit)
        return false;
    size_t more = (size_t)(limit - old_limit) * size_classes[size_class].size;
    if (heap->granted + more > thread_budget())
        return false;
    if (!need_slots(heap, size_class, limit))
        return false;
    heap->granted += more;
    heap->limit[size_class] = heap->bottom[size_class] + limit;
    return true;
}

/* ---- refill ---- */

static unsigned take_blocks(unsigned size_class, void **blocks, unsigned want)
{
    unsigned count = depot_take(size_class, blocks);
    return count ? count : pool_take(&shared_pool, size_class, blocks, want);
}

/* Put blocks into the bin so that the first is popped first; what has no room goes back. */
static void fill_bin(struct thread_heap *heap, unsigned size_class, void **blocks, unsigned count)
{
    if (count > bin_limit(heap, size_class))
        grant(heap, size_class, count);
    unsigned room = (unsigned)min_size(bin_limit(heap, size_class), count);
    void **top = get_top(heap, size_class);
    for (unsigned i = room; i-- > 0;)
        *top++ = blocks[i];
    set_top(heap, size_class, top);
    if (count > room)
        pool_give(&shared_pool, size_class, blocks + room, count - room);
}

static void raise_refill(struct thread_heap *heap, unsigned size_class)
{
    size_t most = min_size((size_t)settings.tiny_refill_batch_size,
                           max_size(slots_max(size_class) / 2, 1));
    heap->is_used[size_class] = true;
    heap->refill[size_class] = (uint8_t)min_size(heap->refill[size_class] * 2u, most);
}

void *unified_cache_refill(unsigned size_class, bool *is_zero)
{
    struct thread_heap *heap = unified_cache_heap();
    void *blocks[BATCH_BLOCKS];
    if (heap) {
        /* making the heap may have called us and filled the bin */
        void *block = bin_pop(heap, size_class);
        if (block) {
            *is_zero = false;
            return block;
        }
    }
    if (is_span_class(size_class))
        return ace_take(size_class, NULL, is_zero);
    *is_zero = false;
    unsigned count = heap ? take_blocks(size_class, blocks, heap->refill[size_class])
                          : pool_take(&shared_pool, size_class, blocks, 1);
    if (count == 0)
        return NULL;
    if (count > 1)
        fill_bin(heap, size_class, blocks + 1, count - 1);
    if (heap)
        raise_refill(heap, size_class);
    return blocks[0];
}

/* ---- flush ---- */

static struct verdict judge_span(const void *block)
{
    struct slab *slab = slab_find(block);
    struct verdict verdict = {FAULT_NONE, block, slab->size};
    if (slab->state != SLAB_SPAN)
        verdict.fault = FAULT_DOUBLE_FREE;
    else if (slab->start != block)
        verdict.fault = FAULT_NOT_START;
    return verdict;
}

static struct verdict judge_blocks(unsigned size_class, void **blocks, unsigned count)
{
    if (settings.bench_fast_mode)
        return (struct verdict){FAULT_NONE, NULL, 0};
    if (is_block_class(size_class))
        return pool_judge(&shared_pool, size_class, blocks, count);
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    for (unsigned i = 0; i < count && verdict.fault == FAULT_NONE; i++) {
        verdict = judge_span(blocks[i]);
        for (unsigned j = 0; j < i; j++)
            if (blocks[i] == blocks[j])
                verdict.fault = FAULT_DOUBLE_FREE;
    }
    return verdict;
}

static void stop_at_fault(struct verdict verdict)
{
    if (unlikely(verdict.fault != FAULT_NONE))
        misuse_report("free", verdict);
}

/* Give free blocks of one class to the lane. */
static void give_blocks(unsigned size_class, void **blocks, unsigned count)
{
    if (is_block_class(size_class)) {
        stop_at_fault(pool_give(&shared_pool, size_class, blocks, count));
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        stop_at_fault(judge_span(blocks[i]));
        ace_give(blocks[i]);
    }
}

/* A batch for the depot, or to the slabs if it has enough. */
static void give_batch(unsigned size_class, void **blocks, unsigned count)
{
    if (is_block_class(size_class)) {
        stop_at_fault(judge_blocks(size_class, blocks, count));
        if (depot_give(size_class, blocks, count))
            return;
    }
    give_blocks(size_class, blocks, count);
}

/* There are more threads than when the bin grew: give up half of what was granted. */
static void shrink_limit(struct thread_heap *heap, unsigned size_class)
{
    unsigned limit = bin_limit(heap, size_class);
    unsigned less = limit - limit / 2;
    heap->limit[size_class] -= less;
    heap->granted -= (size_t)less * size_classes[size_class].size;
}

/* Flush the older half of a bin. */
static void flush_half(struct thread_heap *heap, unsigned size_class)
{
    unsigned count = bin_count(heap, size_class);
    unsigned leaving = (count + 1) / 2;
    if (heap->granted > thread_budget())
        shrink_limit(heap, size_class);
    void **bottom = heap->bottom[size_class];
    for (unsigned done = 0; done < leaving;) {
        unsigned batch = (unsigned)min_size(leaving - done, BATCH_BLOCKS);
        give_batch(size_class, bottom + done, batch);
        done += batch;
    }
    memmove(bottom, bottom + leaving, (count - leaving) * sizeof(void *));
    set_top(heap, size_class, bottom + (count - leaving));
}

/* Check a block that is about to enter a bin, with all that the bin holds. */
static void judge_with_bin(struct thread_heap *heap, unsigned size_class, void *block)
{
    void *blocks[BIN_SLOTS_MAX + 1];
    unsigned count = bin_count(heap, size_class);
    if (count > 0)
        memcpy(blocks, heap->bottom[size_class], count * sizeof(void *));
    blocks[count] = block;
    stop_at_fault(judge_blocks(size_class, blocks, count + 1));
}

/* A full bin grows, unless the thread only frees: then it need not hold more than a batch. */
static bool grow_bin(struct thread_heap *heap, unsigned size_class, unsigned limit)
{
    if (limit >= BIN_SLOTS_UNUSED && !heap->is_used[size_class])
        return false;
    heap->is_used[size_class] = false;
    return grant(heap, size_class, limit < SLOW_START_SLOTS ? limit + 1 : limit * 2);
}

void unified_cache_flush(unsigned size_class, void *block)
{
    struct thread_heap *heap = unified_cache_heap();
    if (!heap || slots_max(size_class) == 0) {
        give_blocks(size_class, &block, 1);
        return;
    }
    if (bin_push(heap, size_class, block))
        return; /* making the heap had called us: the bin has room after all */
    unsigned limit = bin_limit(heap, size_class);
    if (grow_bin(heap, size_class, limit))
        judge_with_bin(heap, size_class, block);
    else if (limit > 0)
        flush_half(heap, size_class);
    if (!bin_push(heap, size_class, block))
        give_blocks(size_class, &block, 1);
}

/* ---- emptying ---- */

static void empty_heap(struct thread_heap *heap)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = bin_count(heap, size_class);
        if (count == 0)
            continue;
        set_top(heap, size_class, heap->bottom[size_class]);
        give_blocks(size_class, heap->bottom[size_class], count);
    }
}

void unified_cache_empty(void)
{
    struct thread_heap *heap = unified_cache_heap();
    if (heap)
        empty_heap(heap);
}

void unified_cache_judge(void)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = bin_count(heap, size_class);
        if (count > 0)
            stop_at_fault(judge_blocks(size_class, heap->bottom[size_class], count));
    }
}

bool unified_cache_was_freed(unsigned size_class, const void *block)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    void **top = get_top(heap, size_class);
    unsigned count = (unsigned)min_size(bin_count(heap, size_class), SLOW_START_SLOTS);
    for (unsigned i = 1; i <= count; i++)
        if (top[-(ptrdiff_t)i] == block)
            return true;
    return false;
}

void unified_cache_thread_exit(void)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    if (thread_heap_distance == 0 || heap == &exited_heap)
        return;
    empty_heap(heap);
    set_thread_heap(&exited_heap);
    lock_acquire(&heaps.lock);
    unlink_live_locked(heap);
    heap->thread_id = 0;
    heap->next = heaps.spare;
    heaps.spare = heap;
    lock_release(&heaps.lock);
}

/* ---- all threads ---- */

void unified_cache_count(size_t blocks[CLASS_COUNT], size_t *threads)
{
    *threads = 0;
    memset(blocks, 0, CLASS_COUNT * sizeof(blocks[0]));
    lock_acquire(&heaps.lock);
    for (struct thread_heap *heap = heaps.live; heap; heap = heap->next) {
        *threads += 1;
        lock_acquire(&heap->lock);
        for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
            blocks[size_class] += bin_count(heap, size_class);
        lock_release(&heap->lock);
    }
    lock_release(&heaps.lock);
}

void front_lock_all(void)
{
    owned_heap_lock_all();
    lock_acquire(&heaps.lock);
}

void front_unlock_all(void)
{
    lock_release(&heaps.lock);
    owned_heap_unlock_all();
}

void front_reset_in_child(void)
{
    owned_heap_reset_locks();
    struct thread_heap *own = thread_heap_at(reservation_get());
    bool has_own = thread_heap_distance != 0 && own != &exited_heap;
    lock_reset(&heaps.lock);
    heaps.live = NULL;
    atomic_store_explicit(&heaps.live_count, 0, memory_order_relaxed);
    if (!has_own)
        return;
    lock_reset(&own->lock);
    own->thread_id = os_thread_id();
    link_live_locked(own);
}
