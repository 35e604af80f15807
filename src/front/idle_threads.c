/* SPDX-License-Identifier: MIT */
/*
 * Takes blocks from the bins of other threads. The fast path needs no lock and no atomic operation
 * for that, and nothing is guessed about what a thread is doing. The thread that takes the blocks
 * is the visitor; the thread whose cache it is, is the owner. The visitor takes blocks from the
 * bottom of a bin:
 *
 *  1. The visitor locks the cache and sets is_visited. It makes all threads of the process pass a
 *     full memory barrier (the membarrier system call). Then it reads is_entered.
 *  2. If the owner is in a slow path, the visit ends. Else the visitor looks at each bin of two
 *     blocks or more: it raises the bottom to one slot below the top. It wants the blocks below the
 *     raised bottom. It makes all threads pass a second barrier.
 *  3. It reads the top of each bin again. If the top is above the raised bottom, the bottom stays
 *     there, and the blocks below it are the visitor's. Else the visitor lowers the bottom to where
 *     it was. All threads pass a third barrier, and the visitor copies the slots.
 *
 * Why this is right:
 *
 * Slow paths. The owner sets is_entered, then reads is_visited. The visitor sets is_visited, then
 * reads is_entered; the first barrier is between the two. If the owner reads is_visited after the
 * barrier, it finds it set, and waits for the cache's lock before it touches a bin. If it has read
 * is_visited before the barrier, the visitor finds is_entered set. So only the fast path uses the
 * bins during steps 2 and 3.
 *
 * Fast path. A pop reads the top T and compares it with bottom, stores T - 1, and loads that slot.
 * A push reads T, writes the slot at T, and stores T + 1. The owner may stop between these steps
 * for any time: it lost its processor, or a signal handler runs, sleeps, or never returns. Let B be
 * the raised bottom, and P the top that the visitor reads in step 3, with P > B. At that moment the
 * owner is in the middle of at most one pop or push. (A handler that allocates in the middle of the
 * interrupted malloc is not allowed by malloc.) This pop or push uses the slot at P - 1 (a pop that
 * has not stored its top yet) or at P (a pop that has stored it, or a push), whatever bottom it has
 * compared with. Both slots are at or above B. Every later pop or push began after the second
 * barrier, so it sees bottom B. Such a pop takes nothing below B, so the top stays at B or above,
 * and no push writes below B. So from then on only the visitor uses the slots below B. If P <= B, a
 * pop in the middle may take a block below B: the visitor takes nothing from that bin.
 *
 * Contents. The owner wrote each block pointer before it stored P, so before the third barrier: the
 * visitor reads it. The visitor writes no slot and no top.
 *
 * A bottom that was raised and lowered. Meanwhile a pop may have found the bin empty. It goes to
 * the slow path, which waits for the lock and tries the pop again.
 *
 * Later. The emptied slots are a gap below the bottom. The owner's next slow path closes it; at
 * that time only the owner uses the cache. Several visits may come before that, and the gap grows.
 * A top is never below a bottom that stays raised, so the bottom and the length of the gap give the
 * start of the magazine.
 *
 * Thread exit. A thread that ends enters its cache, and takes it out of the list. For that it needs
 * the lock of the list, which the visitor holds. A thread that ended without our destructor changes
 * nothing any more.
 *
 * Fork. fork waits for the lock of the list, so no visit is under way. If fork is called by a
 * signal handler that interrupted its thread inside the allocator, it takes no lock, and the child
 * may hold a copy of a half-done visit. No block of that visit has gone to the lanes yet, so the
 * child puts the bottoms back.
 *
 * One block of each bin stays with its thread. If the system has no such barrier, or a filter may
 * forbid it, all blocks stay in the bins until the thread's next slow path.
 */
#include "front/idle_threads.h"
#include "front/give_back.h"

#include <string.h>

/* A thread counts as idle when this many looks in a row have found its bins unchanged. */
#define QUIET_LOOKS 2

/* The most blocks taken in one visit; the next visit takes more. */
#define TAKEN_MAX 8192

/* Purpose: the visit under way, and the blocks taken from one cache, by class. Owner: the thread
 * that has set is_busy. */
static struct {
    _Atomic bool is_busy;
    bool is_urgent;
    bool is_refused;                       /* the system refused the barrier */
    _Atomic(struct thread_cache *) raised; /* its bottoms and gaps are saved here; NULL: none */
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
    void **bottom = bin_bottom(cache, size_class);
    return top > bottom + 1 ? (unsigned)(top - 1 - bottom) : 0;
}

static bool has_spare(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (bin_spare(cache, size_class) > 0)
            return true;
    return false;
}

/* Look at the tops of this cache's bins. Have the last looks found them unchanged? */
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
    /* release: a copy of the process that has this pointer has the saved bottoms too */
    atomic_store_explicit(&visit.raised, cache, memory_order_release);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = (unsigned)min_size(bin_spare(cache, size_class), room);
        room -= count;
        word_store(&cache->bottom[size_class], cache->bottom[size_class] + count);
    }
}

/* Keep a bottom raised if the owner cannot be at work below it; lower the others. */
static void settle_bottoms(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (word_load(&cache->top[size_class]) <= bin_bottom(cache, size_class))
            word_store(&cache->bottom[size_class], visit.bottom[size_class]);
}

static void take_below(struct thread_cache *cache)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        void **from = bin_as_watched(visit.bottom[size_class], false);
        unsigned count = (unsigned)(bin_bottom(cache, size_class) - from);
        visit.counts[size_class] = (uint16_t)count;
        if (count == 0)
            continue;
        memcpy(visit.blocks + visit.count, from, count * sizeof(void *));
        visit.count += count;
        cache->taken[size_class] = (uint16_t)(cache->taken[size_class] + count);
        cache->has_gaps = true;
    }
    /* release: from here on the visit cannot be undone */
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
    /* release: a thread that finds it clear finds the final bottoms */
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

/* Give the taken blocks to the lanes. The lock of the list is not held: the lanes may purge. */
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
    /* acquire and release: only one thread visits at a time; a second one has nothing to add */
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

/* In a child: undo the visit of a parent's thread, which does not exist here. */
static void restore(struct thread_cache *cache)
{
    if (atomic_load_explicit(&visit.raised, memory_order_acquire) == cache)
        put_back(cache);
    atomic_store_explicit(&cache->is_visited, false, memory_order_relaxed);
}

void idle_threads_wait(struct thread_cache *cache)
{
    lock_acquire(&cache->lock);
    /* a visitor clears is_visited before it unlocks; so if it is set here, it is a copy of a
     * parent's visit, in a child that was made without the locks */
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
        void **start = bin_bottom(cache, size_class) - gap;
        memmove(start, start + gap, count * sizeof(void *));
        word_store(&cache->bottom[size_class], cache->bottom[size_class] - gap);
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
