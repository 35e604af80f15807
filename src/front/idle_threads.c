/* SPDX-License-Identifier: MIT */
/*
 * Blocks are taken from other threads' bins here, without a lock or an atomic operation in the fast
 * path, and without any guess about what a thread is doing. The thread that takes is the visitor,
 * the cache's thread is its owner. Blocks are taken by the visitor, from the bottom of a bin:
 *
 *  1. The visitor locks the cache and sets is_visited. It makes all threads of the process pass a
 *     full memory barrier (the membarrier system call). It reads is_entered.
 *  2. If the owner is in a slow path, the visit ends. Else the visitor raises the bottom of each
 *     bin of two blocks and more to one slot below the top. The blocks below the raised bottom are
 *     those that it wants. It makes all threads pass a second barrier.
 *  3. It reads each bin's top once more. If the top is above the raised bottom, the bottom stays
 *     there, and the blocks below it are the visitor's. Else the bottom goes back to where it was.
 *     All threads pass a third barrier, and the visitor copies the slots.
 *
 * Why this is right:
 *
 * Slow paths. The owner sets is_entered, then reads is_visited; the visitor sets is_visited, then
 * reads is_entered, with the first barrier between. At the barrier the owner has either not read
 * is_visited yet: then it will find it set, and wait for the cache's lock before it touches a bin.
 * Or it has: then the visitor finds is_entered set. So nobody but the fast path uses the bins
 * during steps 2 and 3.
 *
 * Fast path. A pop reads top T and compares it with bottom, stores T - 1, and loads that slot. A
 * push reads T, writes the slot at T, and stores T + 1. Between these steps a thread may stand
 * still for any time: it lost its processor, or a signal handler runs, sleeps, or never returns.
 * Let B be the raised bottom, and P the top that the visitor reads in step 3, with P > B. At that
 * moment the owner is in the middle of one pop or push at most (a handler that allocates in the
 * middle of the interrupted malloc is beyond what malloc allows). The one in the middle uses the
 * slot at P - 1 (a pop that has not stored its top yet) or at P (a pop that has, or a push),
 * whatever bottom it has compared with. Both are at or above B. Every later one began after the
 * second barrier, and finds bottom B: a pop takes nothing below B, so the top stays at B or above,
 * and no push writes below B. So nobody but the visitor uses the slots below B from then on.
 * If P <= B, a pop in the middle may go below B: the visitor takes nothing from that bin.
 *
 * Contents. What the owner wrote before it stored P it wrote before the third barrier, so the
 * visitor reads it. The visitor writes no slot and no top.
 *
 * A raised bottom that goes back. A pop meanwhile may have found the bin empty. It goes to the slow
 * path, which waits for the lock, and tries the pop again.
 *
 * Later. The emptied slots are a gap below the bottom, which the owner's next slow path closes; it
 * has the cache to itself then. Several visits may come before that: the gap grows. A top is never
 * below a bottom that stays, so the gap's length and the bottom give the magazine's start.
 *
 * Thread exit. An owner that ends enters its cache, and takes it out of the list under the list's
 * lock, which the visitor holds. An owner that has gone without a word changes nothing any more.
 *
 * Fork. fork waits for the list's lock; so no visit is under way. A child made without the lock (by
 * a handler that interrupted its thread at one) may hold a copy of a visit's middle. Nothing has
 * been given to the lanes by then: the child puts the bottoms back.
 *
 * One block of each bin stays with its thread, and where the system has no such barrier, or a
 * filter may forbid it, all of them do, until the thread's next slow path.
 */
#include "front/idle_threads.h"
#include "front/give_back.h"

#include <string.h>

/* Looks in a row that find no bin changed before a thread is taken to be idle. */
#define QUIET_LOOKS 2

/* The most blocks taken in one visit; the others wait for the next. */
#define TAKEN_MAX 8192

/* Purpose: the visit under way, and the blocks taken from one cache, by class. Owner: the thread
 * that has set is_busy. */
static struct {
    _Atomic bool is_busy;
    bool is_urgent;
    bool is_refused; /* there is no barrier */
    _Atomic(struct thread_cache *)
        raised; /* whose bottoms and gaps are kept here; NULL: no cache's */
    void **bottom[CLASS_COUNT];
    uint16_t taken[CLASS_COUNT];
    unsigned count;
    uint16_t counts[CLASS_COUNT];
    void *blocks[TAKEN_MAX];
    struct verdict verdict;
} visit;

/* ---- what to take ---- */

static uint64_t sum_of_tops(struct thread_cache *cache)
{
    uint64_t sum = 1;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        sum = sum * 31 + (uintptr_t)word_load(&cache->top[size_class]);
    return sum;
}

/* The most blocks that a visit may take from a bin now. */
static unsigned bin_spare(struct thread_cache *cache, unsigned size_class)
{
    void **top = word_load(&cache->top[size_class]);
    void **bottom = cache->bottom[size_class];
    return top > bottom + 1 ? (unsigned)(top - 1 - bottom) : 0;
}

static bool has_spare(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (bin_spare(cache, size_class) > 0)
            return true;
    return false;
}

/* Has nothing moved for a while? */
static bool is_quiet(struct thread_cache *cache)
{
    uint64_t tops = sum_of_tops(cache);
    bool is_same = tops == cache->tops;
    cache->tops = tops;
    cache->quiet = is_same ? (uint8_t)min_size(cache->quiet + 1u, QUIET_LOOKS) : 0;
    return cache->quiet == QUIET_LOOKS;
}

/* ---- a visit ---- */

static bool pass_barrier(void)
{
    if (!visit.is_refused && !os_barrier())
        visit.is_refused = true;
    return !visit.is_refused;
}

static void raise_bottoms(struct thread_cache *cache)
{
    unsigned room = TAKEN_MAX;
    memcpy(visit.bottom, cache->bottom, sizeof(visit.bottom));
    memcpy(visit.taken, cache->taken, sizeof(visit.taken));
    /* release: a copy of the process that has this has the bottoms too */
    atomic_store_explicit(&visit.raised, cache, memory_order_release);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = (unsigned)min_size(bin_spare(cache, size_class), room);
        room -= count;
        word_store(&cache->bottom[size_class], cache->bottom[size_class] + count);
    }
}

/* A bottom stays raised where the owner cannot be at work below it; elsewhere it goes back. */
static void settle_bottoms(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (word_load(&cache->top[size_class]) <= cache->bottom[size_class])
            word_store(&cache->bottom[size_class], visit.bottom[size_class]);
}

static void take_below(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        void **from = visit.bottom[size_class];
        unsigned count = (unsigned)(cache->bottom[size_class] - from);
        visit.counts[size_class] = (uint16_t)count;
        if (count == 0)
            continue;
        memcpy(visit.blocks + visit.count, from, count * sizeof(void *));
        visit.count += count;
        cache->taken[size_class] = (uint16_t)(cache->taken[size_class] + count);
        cache->has_gaps = true;
    }
    /* release: nothing of the above can be undone any more */
    atomic_store_explicit(&visit.raised, NULL, memory_order_release);
}

static void put_back(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        word_store(&cache->bottom[size_class], visit.bottom[size_class]);
    memcpy(cache->taken, visit.taken, sizeof(visit.taken));
    visit.count = 0;
    atomic_store_explicit(&visit.raised, NULL, memory_order_release);
}

static bool take_from(struct thread_cache *cache)
{
    raise_bottoms(cache);
    if (!pass_barrier())
        return false;
    settle_bottoms(cache);
    if (!pass_barrier())
        return false;
    take_below(cache);
    return true;
}

static void visit_locked(struct thread_cache *cache)
{
    /* relaxed: the barrier makes it visible */
    atomic_store_explicit(&cache->is_visited, true, memory_order_relaxed);
    /* acquire: what the owner's last slow path did is visible */
    if (pass_barrier() && !atomic_load_explicit(&cache->is_entered, memory_order_acquire) &&
        !take_from(cache))
        put_back(cache);
    /* release: a thread that finds it clear finds the bottoms as they stay */
    atomic_store_explicit(&cache->is_visited, false, memory_order_release);
}

static void look_at(struct thread_cache *cache)
{
    bool is_own = cache->storage == &thread_cache_distance;
    visit.count = 0;
    if (is_own || visit.is_refused || (!visit.is_urgent && !is_quiet(cache)))
        return;
    lock_acquire(&cache->lock);
    if (has_spare(cache))
        visit_locked(cache);
    lock_release(&cache->lock);
}

/* Outside the list's lock: the slabs may have to purge. */
static void give_taken(void)
{
    void **blocks = visit.blocks;
    for (unsigned size_class = CLASS_FIRST;
         visit.count > 0 && size_class <= CLASS_ACE_LAST && visit.verdict.fault == FAULT_NONE;
         size_class++) {
        unsigned count = visit.counts[size_class];
        if (count > 0)
            visit.verdict = give_back_blocks(size_class, blocks, count);
        blocks += count;
    }
    visit.count = 0;
}

struct verdict idle_threads_take(bool is_urgent)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    /* acquire and release: the visit is one thread's at a time; a second one has nothing to add */
    if (atomic_exchange_explicit(&visit.is_busy, true, memory_order_acquire))
        return verdict;
    visit.is_urgent = is_urgent;
    visit.is_refused = false;
    visit.verdict = verdict;
    thread_cache_visit(look_at, give_taken);
    verdict = visit.verdict;
    atomic_store_explicit(&visit.is_busy, false, memory_order_release);
    return verdict;
}

/* ---- the owner ---- */

/* In a child: its parent had another thread, which may have been visiting. */
static void restore(struct thread_cache *cache)
{
    if (atomic_load_explicit(&visit.raised, memory_order_acquire) == cache)
        put_back(cache);
    atomic_store_explicit(&cache->is_visited, false, memory_order_relaxed);
}

void idle_threads_wait(struct thread_cache *cache)
{
    lock_acquire(&cache->lock);
    /* a visitor ends before it unlocks: this is a copy of one, in a child that was made without the
     * locks */
    if (atomic_load_explicit(&cache->is_visited, memory_order_relaxed))
        restore(cache);
    lock_release(&cache->lock);
}

void idle_threads_close_gaps(struct thread_cache *cache)
{
    lock_acquire(&cache->lock);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned gap = cache->taken[size_class];
        if (gap == 0)
            continue;
        unsigned count = bin_count(cache, size_class);
        void **start = cache->bottom[size_class] - gap;
        memmove(start, cache->bottom[size_class], count * sizeof(void *));
        word_store(&cache->bottom[size_class], start);
        word_store(&cache->top[size_class], start + count);
        cache->taken[size_class] = 0;
    }
    cache->has_gaps = false;
    lock_release(&cache->lock);
}

void idle_threads_reset_in_child(struct thread_cache *own)
{
    if (own)
        restore(own);
    atomic_store_explicit(&visit.raised, NULL, memory_order_relaxed);
    atomic_store_explicit(&visit.is_busy, false, memory_order_relaxed);
}
