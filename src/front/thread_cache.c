/* SPDX-License-Identifier: MIT */
/*
 * Owns the thread caches: which thread has which, the list of all, and what a copy of the process
 * keeps of them. unified_cache.c changes what is in a cache. A thread starts with the empty cache.
 * It gets its own when it allocates, or when it has freed a few blocks. (libc frees blocks in
 * threads that have run their last destructor. Such a thread must not get a cache: it would never
 * give it back.) A thread that has given its cache back never gets another.
 *
 * Some threads end without our destructor: by the exit system call, or if a destructor allocates in
 * the last round. Their caches are found in two ways. First: a thread that has no cache looks for a
 * cache that was made for thread-local storage at the same address as its own. No other living
 * thread has this storage. So either this thread made the cache, before the loader cleared its
 * storage, or the thread that made it is gone. Second: the kernel is asked whether a thread of that
 * number still exists in this process. The kernel uses numbers again, so the answer may wrongly be
 * yes; then the cache is found later.
 *
 * May never write to an address in another thread's storage.
 */
#include "front/thread_caches.h"
#include "watch/profile.h"

#include <string.h>

/* A thread without a cache gives this many blocks straight to the lanes. A thread that only frees
 * blocks of other threads soon gets a cache; a thread in which only libc cleans up frees fewer. */
#define FREES_WITHOUT_CACHE 8

/* How many caches are checked for a gone thread: when a thread needs a cache, and in an epoch. */
#define LOOKS_FOR_CACHE 2
#define LOOKS_IN_EPOCH 4

__thread ptrdiff_t thread_cache_distance;

/* Purpose: what a thread knows of itself. All zero at its start. */
static __thread struct {
    struct thread_cache *cache; /* its own; outside slow paths thread_cache_distance leads to it */
    uint8_t frees;              /* calls of free while it had no cache */
    bool has_ended;             /* it has given its cache back and gets no other */
} self;

state_data struct thread_caches thread_caches;

early_data void (*thread_cache_on_new)(struct thread_cache *cache);

/* ---- the list ---- */

static void link_live_locked(struct thread_cache *cache)
{
    cache->prev = NULL;
    cache->next = thread_caches.live;
    if (cache->next)
        cache->next->prev = cache;
    thread_caches.live = cache;
    atomic_fetch_add_explicit(&thread_caches.live_count, 1, memory_order_relaxed);
}

static void unlink_live_locked(struct thread_cache *cache)
{
    atomic_fetch_sub_explicit(&thread_caches.live_count, 1, memory_order_relaxed);
    if (thread_caches.next_visit == cache)
        thread_caches.next_visit = cache->next;
    if (thread_caches.next_look == cache)
        thread_caches.next_look = cache->next;
    if (cache->prev)
        cache->prev->next = cache->next;
    else
        thread_caches.live = cache->next;
    if (cache->next)
        cache->next->prev = cache->prev;
}

static void put_aside_locked(struct thread_cache *cache)
{
    cache->thread_id = 0;
    cache->storage = NULL;
    cache->next = thread_caches.spare;
    thread_caches.spare = cache;
}

/* ---- whose cache it is ---- */

static void note_thread(struct thread_cache *cache)
{
    struct os_thread_number number = os_thread_number();
    cache->thread_id = number.thread;
    cache->process_id = number.process;
    cache->storage = &thread_cache_distance;
}

/* A cache made for our own storage is ours, or will be: the kernel is not asked. */
static bool is_gone(const struct thread_cache *cache)
{
    return cache->storage != &thread_cache_distance &&
           os_thread_is_gone((struct os_thread_number){cache->process_id, cache->thread_id});
}

/* If the thread of a cache ended in the middle of a slow path, the cache is half changed and cannot
 * be trusted: forget it, with the blocks in it, and return NULL. Else return the cache. */
static struct thread_cache *forget_if_broken_locked(struct thread_cache *cache)
{
    /* acquire: what the thread did before it left the cache is visible */
    if (!cache || !atomic_load_explicit(&cache->is_entered, memory_order_acquire))
        return cache;
    unlink_live_locked(cache);
    return NULL;
}

/* The cache that was made for storage at the address of ours. */
static struct thread_cache *find_own_locked(void)
{
    struct thread_cache *cache = thread_caches.live;
    while (cache && cache->storage != &thread_cache_distance)
        cache = cache->next;
    return forget_if_broken_locked(cache);
}

/* A cache whose thread is gone, if one of the next few is such. */
static struct thread_cache *find_gone_locked(unsigned looks)
{
    for (; looks > 0 && thread_caches.live; looks--) {
        struct thread_cache *cache = thread_caches.next_look ? thread_caches.next_look
                                                             : thread_caches.live;
        thread_caches.next_look = cache->next;
        if (is_gone(cache))
            return forget_if_broken_locked(cache);
    }
    return NULL;
}

/* ---- a cache's life ---- */

static void set_up(struct thread_cache *cache)
{
    for (size_t step = 0; step < TINY_STEPS; step++)
        cache->size_class[step] = (uint8_t)size_class_of(step * BLOCK_ALIGN);
    memset(cache->refill, 1, sizeof(cache->refill));
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_LINE_LAST; size_class++)
        cache->refill[size_class] = (uint8_t)min_size(line_blocks(size_classes[size_class].size),
                                                      (size_t)settings.tiny_refill_batch_size);
}

/* Asks under the cache's lock whether profiling is on: a thread that starts or stops profiling
 * comes to this cache later, or has been here before. */
void thread_cache_watch(struct thread_cache *cache)
{
    lock_acquire(&cache->lock);
    cache_watch(cache, profile_is_on());
    lock_release(&cache->lock);
}

void thread_cache_watch_all(void)
{
    lock_acquire(&thread_caches.lock);
    for (struct thread_cache *cache = thread_caches.live; cache; cache = cache->next)
        thread_cache_watch(cache);
    lock_release(&thread_caches.lock);
}

/* A cache that no thread has: a spare one, or a new one. */
static struct thread_cache *take_unused_locked(void)
{
    struct thread_cache *cache = thread_caches.spare;
    if (cache) {
        thread_caches.spare = cache->next;
    } else {
        cache = meta_alloc(sizeof(*cache));
        if (cache)
            set_up(cache);
    }
    if (cache)
        link_live_locked(cache);
    return cache;
}

static struct thread_cache *acquire_cache(void)
{
    lock_acquire(&thread_caches.lock);
    struct thread_cache *cache = find_own_locked();
    if (!cache && !thread_caches.spare)
        cache = find_gone_locked(LOOKS_FOR_CACHE);
    if (!cache)
        cache = take_unused_locked();
    if (cache) {
        note_thread(cache);
        /* under the list's lock: a thread that starts or stops profiling has done so before, or
         * will find this cache in the list */
        thread_cache_watch(cache);
    }
    lock_release(&thread_caches.lock);
    return cache;
}

struct thread_cache *thread_cache_own(void)
{
    return self.cache;
}

struct thread_cache *thread_cache_get(void)
{
    if (likely(self.cache != NULL) || self.has_ended)
        return self.cache;
    /* a signal handler that runs now must not get a second cache */
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    struct thread_cache *cache = acquire_cache();
    if (cache) {
        self.cache = cache;
        thread_cache_distance = (char *)cache - (char *)reservation_get();
    }
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
    if (cache && thread_cache_on_new)
        thread_cache_on_new(cache);
    return cache;
}

struct thread_cache *thread_cache_get_to_free(void)
{
    if (likely(self.cache != NULL))
        return self.cache;
    if (self.frees < FREES_WITHOUT_CACHE) {
        self.frees++;
        return NULL;
    }
    return thread_cache_get();
}

void thread_cache_end(void)
{
    struct thread_cache *cache = self.cache;
    self.has_ended = true;
    if (!cache)
        return;
    lock_acquire(&thread_caches.lock);
    unlink_live_locked(cache);
    put_aside_locked(cache);
    self.cache = NULL;
    /* relaxed: the next owner gets the cache under the lock */
    atomic_store_explicit(&cache->is_entered, false, memory_order_relaxed);
    lock_release(&thread_caches.lock);
}

/* ---- all threads ---- */

size_t thread_cache_count(void)
{
    return atomic_load_explicit(&thread_caches.live_count, memory_order_relaxed);
}

void thread_cache_ask_all(void)
{
    lock_acquire(&thread_caches.lock);
    for (struct thread_cache *cache = thread_caches.live; cache; cache = cache->next)
        word_store(&cache->is_to_empty, true);
    lock_release(&thread_caches.lock);
}

void thread_cache_visit(void (*visit)(struct thread_cache *cache), void (*after)(void))
{
    bool is_last = false;
    lock_acquire(&thread_caches.lock);
    thread_caches.next_visit = thread_caches.live;
    lock_release(&thread_caches.lock);
    while (!is_last) {
        lock_acquire(&thread_caches.lock);
        struct thread_cache *cache = thread_caches.next_visit;
        if (cache) {
            thread_caches.next_visit = cache->next;
            visit(cache);
        }
        is_last = cache == NULL;
        lock_release(&thread_caches.lock);
        after();
    }
}

void thread_cache_count_blocks(size_t blocks[CLASS_COUNT], size_t *threads)
{
    *threads = 0;
    memset(blocks, 0, CLASS_COUNT * sizeof(blocks[0]));
    lock_acquire(&thread_caches.lock);
    for (struct thread_cache *cache = thread_caches.live; cache; cache = cache->next) {
        *threads += 1;
        lock_acquire(&cache->lock);
        for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
            blocks[size_class] += bin_count(cache, size_class);
        lock_release(&cache->lock);
    }
    lock_release(&thread_caches.lock);
}

struct thread_cache *thread_cache_take_gone(void)
{
    lock_acquire(&thread_caches.lock);
    struct thread_cache *cache = find_gone_locked(LOOKS_IN_EPOCH);
    if (cache)
        unlink_live_locked(cache);
    lock_release(&thread_caches.lock);
    return cache;
}

void thread_cache_park(struct thread_cache *cache)
{
    lock_acquire(&thread_caches.lock);
    put_aside_locked(cache);
    lock_release(&thread_caches.lock);
}

bool thread_cache_is_deserted(void)
{
    /* not lock_acquire: a thread may have ended while it held the lock */
    if (!os_helper_finds_gone(os_helper_process()) || !lock_try(&thread_caches.lock))
        return false;
    struct thread_cache *cache = thread_caches.live;
    while (cache && cache->thread_id != 0 && os_helper_finds_gone(cache->thread_id))
        cache = cache->next;
    lock_release(&thread_caches.lock);
    return cache == NULL;
}

/* ---- copies of the process ---- */

struct thread_cache *thread_cache_reset_in_child(void)
{
    struct thread_cache *own = self.cache ? self.cache : find_own_locked();
    thread_caches.live = NULL;
    thread_caches.next_look = NULL;
    atomic_store_explicit(&thread_caches.live_count, 0, memory_order_relaxed);
    if (own) {
        lock_reset(&own->lock);
        note_thread(own);
        link_live_locked(own);
    }
    return own;
}

void thread_cache_start_afresh(void)
{
    memset(&thread_caches, 0, sizeof(thread_caches));
    memset(&self, 0, sizeof(self));
    thread_cache_distance = 0;
}
