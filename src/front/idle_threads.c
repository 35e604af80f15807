/* SPDX-License-Identifier: MIT */
/*
 * What the bins of sleeping threads hold goes back, though the fast path takes no lock and no one
 * but a bin's thread may move its top. A thread is parked first: its thread_heap_distance is set to
 * 0, the empty heap, so that whatever it does next takes the slow path, which waits for the list's
 * lock. If /proc then says that it has been asleep in a system call since before that, it can be in
 * none of its bins but in one way: a signal has interrupted a push or a pop, and the handler
 * sleeps. Such a pop may still take the top block, and such a push add one above it; so the top
 * block of each bin stays, and slots below it become NULL. Where the thread blocks no signal, as
 * one in a handler does, it goes too. If the thread has run meanwhile nothing is taken: it only
 * goes the slow way once. Called by the helper; calls the lanes.
 */
#include "front/upkeep.h"

/* Looks in a row that find no bin changed before a thread is taken to be idle. */
#define QUIET_LOOKS 2

/* Blocks taken in one go; what is more waits for the next. */
#define TAKEN_MAX 8192

/* Purpose: the blocks taken from one heap, by class. Owner: the helper. */
static struct {
    struct verdict verdict;
    bool is_urgent;
    unsigned count;
    uint16_t counts[CLASS_COUNT];
    void *blocks[TAKEN_MAX];
} taken;

static uint64_t sum_of_tops(struct thread_heap *heap)
{
    uint64_t sum = 1;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        sum = sum * 31 + (uintptr_t)word_load(&heap->top[size_class]);
    return sum;
}

static bool holds_blocks(struct thread_heap *heap)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (bin_count(heap, size_class) > 0)
            return true;
    return false;
}

/* Has nothing moved for a while, and is there something to take? */
static bool is_quiet(struct thread_heap *heap)
{
    uint64_t tops = sum_of_tops(heap);
    bool is_same = tops == heap->tops;
    heap->tops = tops;
    heap->quiet = is_same ? (uint8_t)min_size(heap->quiet + 1u, QUIET_LOOKS) : 0;
    return (heap->quiet == QUIET_LOOKS || taken.is_urgent) && !heap->is_parked &&
           holds_blocks(heap);
}

static bool has_users(struct thread_heap *heap)
{
    /* acquire: see unified_cache_leave */
    return atomic_load_explicit(&heap->users, memory_order_acquire) != 0;
}

/* From here on the thread's next call takes the slow path. False: it has left the heap. */
static bool park(struct thread_heap *heap)
{
    ptrdiff_t own = (char *)heap - (char *)reservation_get();
    heap->is_parked = true;
    /* not a plain store: the thread may be putting the heap away itself */
    bool is_done = __atomic_compare_exchange_n(heap->distance, &own, 0, false, __ATOMIC_SEQ_CST,
                                               __ATOMIC_SEQ_CST);
    heap->is_parked = is_done;
    return is_done;
}

static void take_from_bin(struct thread_heap *heap, unsigned size_class, unsigned left)
{
    void **bottom = heap->bottom[size_class];
    unsigned count = bin_count(heap, size_class);
    count -= (unsigned)min_size(left, count);
    count = (unsigned)min_size(count, TAKEN_MAX - taken.count);
    taken.counts[size_class] = (uint16_t)count;
    for (unsigned i = 0; i < count; i++) {
        taken.blocks[taken.count++] = bottom[i];
        bottom[i] = NULL;
    }
}

static void drain(struct thread_heap *heap)
{
    struct os_thread_rest before;
    struct os_thread_rest after;
    taken.count = 0;
    if (!is_quiet(heap) || has_users(heap) || !os_thread_look(heap->thread_id, &before) ||
        !park(heap))
        return;
    if (!os_thread_is_asleep(heap->thread_id) || !os_thread_look(heap->thread_id, &after) ||
        after.switches != before.switches || has_users(heap))
        return;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        take_from_bin(heap, size_class, after.may_handle_signals ? 1 : 0);
}

/* Outside the list's lock: the slabs may have to purge. */
static void give_taken(void)
{
    void **blocks = taken.blocks;
    for (unsigned size_class = CLASS_FIRST;
         taken.count > 0 && size_class <= CLASS_ACE_LAST && taken.verdict.fault == FAULT_NONE;
         size_class++) {
        unsigned count = taken.counts[size_class];
        if (count > 0)
            taken.verdict = unified_cache_give(size_class, blocks, count);
        blocks += count;
    }
    taken.count = 0;
}

struct verdict idle_threads_drain(bool is_urgent)
{
    taken.is_urgent = is_urgent;
    taken.verdict = (struct verdict){FAULT_NONE, NULL, 0};
    if (os_helper_has_files())
        unified_cache_visit(drain, give_taken);
    return taken.verdict;
}

unsigned idle_threads_count(struct thread_heap *heap, unsigned size_class)
{
    unsigned blocks = 0;
    for (unsigned i = 0; i < bin_count(heap, size_class); i++)
        blocks += heap->bottom[size_class][i] != NULL;
    return blocks;
}

void idle_threads_unpark(struct thread_heap *heap)
{
    heap->is_parked = false;
    heap->quiet = 0;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        void **bottom = heap->bottom[size_class];
        unsigned kept = 0;
        for (unsigned i = 0; i < bin_count(heap, size_class); i++)
            if (bottom[i])
                bottom[kept++] = bottom[i];
        word_store(&heap->top[size_class], bottom + kept);
    }
}
