/* SPDX-License-Identifier: MIT */
/*
 * A thread cache: the bins of one thread with their inline pop and push, the cache of the calling
 * thread, and the list of all thread caches (thread_cache.c). A thread starts with the empty cache:
 * each of its bins looks empty to a pop and full to a push, so every call goes to the slow path. So
 * the fast path need not ask whether the thread has a cache.
 */
#ifndef HAK_FRONT_THREAD_CACHE_H
#define HAK_FRONT_THREAD_CACHE_H

#include "lane/lane.h"
#include "watch/sampling.h"

#define TINY_STEPS (LANE_TINY_MAX / BLOCK_ALIGN + 1)

/*
 * Purpose: the free blocks of one thread: for each class a magazine, an array of pointers to free
 * blocks. Owner: the thread. Other threads read top and bottom under `lock`; the thread holds
 * `lock` while it moves a magazine. Another thread takes the oldest blocks of a bin by the protocol
 * of idle_threads.c. Invariant: in a slow path of its thread bottom[c] <= top[c] <= bottom[c] +
 * slots[c]; at other times the magazine starts taken[c] slots below bottom[c]. A bin is empty if
 * top[c] <= bottom[c], and full if top[c] >= limit[c]. A cache of zeros is empty and full, and each
 * of its sizes has CLASS_NONE.
 */
struct thread_cache {
    void **top[CLASS_COUNT]; /* the slot above the last block */
    void **bottom[CLASS_COUNT];
    void **limit[CLASS_COUNT];
    uint8_t size_class[TINY_STEPS]; /* for each 16-byte step: a copy of size_class_of */
    /* the empty cache does not have the fields below */
    uint8_t refill[CLASS_COUNT];            /* blocks that the next refill asks for */
    bool is_used[CLASS_COUNT];              /* a refill came since the bin last grew */
    bool is_busy[CLASS_COUNT];              /* a slow path came since the clock last passed it */
    uint32_t last_use[CLASS_COUNT];         /* slow_paths at the last slow path of the class */
    uint16_t slots[CLASS_COUNT];            /* length of the magazine */
    uint8_t strangers[CLASS_LINE_LAST + 1]; /* blocks freed before the first was allocated */
    struct sampling sampling;               /* of its thread; used while it is watched */
    struct lock lock;
    uint32_t thread_id;  /* the kernel's number; 0 if it could not be asked */
    uint32_t process_id; /* the process in which the number was asked for */
    const void *storage; /* address of the thread's thread_cache_distance: compared, never read */
    _Atomic bool is_entered;     /* its thread is in a slow path */
    _Atomic bool is_visited;     /* its thread waits for `lock` in slow paths: see idle_threads.c */
    bool is_to_empty;            /* its thread empties it at its next slow path */
    bool has_gaps;               /* some taken[c] is not 0 */
    uint8_t quiet;               /* looks in a row that saw no change */
    uint16_t taken[CLASS_COUNT]; /* slots below bottom that visits have emptied */
    uint64_t tops;               /* a hash of all tops at the last look */
    unsigned victim;             /* the bin that the clock has last looked at */
    size_t granted;              /* bytes that the bins may hold by their limits */
    uint32_t slow_paths;         /* slow paths that used a bin; wraps around */
    uint32_t turnover;           /* slab_run_turnover() at the last look for idle bins */
    unsigned batches;            /* batches of Tiny and Pool blocks that have left the bins */
    struct thread_cache *next;
    struct thread_cache *prev;
};
_Static_assert(offsetof(struct thread_cache, refill) <= RESERVATION_FRONT_BYTES,
               "the empty cache is the zero front of the reservation's head");
_Static_assert(sizeof(struct thread_cache) <= META_FREE_MAX, "metadata can hand out a cache");

/* The cache that the thread's fast path uses, as its distance from the reservation's base. Every
 * thread starts with 0 (also before relocation and TLS set-up): that is the empty cache, at the
 * base itself. While a slow path changes the thread's own cache the distance is 0 too. So the calls
 * of a signal handler never meet a bin that is half changed. */
extern __thread ptrdiff_t thread_cache_distance __attribute__((tls_model("initial-exec")));

static always_inline struct thread_cache *thread_cache_at(struct reservation *base)
{
    return (struct thread_cache *)((char *)base + thread_cache_distance);
}

/* Take a block from the bin; false if it is empty. Only the owner writes top; a reader in another
 * thread may see the value before or after. Another thread may raise bottom, for a moment above
 * top. */
static always_inline bool bin_try_pop(struct thread_cache *cache, unsigned size_class, void **block)
{
    void **top = word_load(&cache->top[size_class]);
    if (unlikely(top <= word_load(&cache->bottom[size_class])))
        return false;
    top--;
    word_store(&cache->top[size_class], top);
    *block = *top; /* after the store: one register less to move */
    return true;
}

/* The same; NULL if it is empty. */
static always_inline void *bin_pop(struct thread_cache *cache, unsigned size_class)
{
    void *block;
    return bin_try_pop(cache, size_class, &block) ? block : NULL;
}

static always_inline bool bin_push(struct thread_cache *cache, size_t size_class, void *block)
{
    void **top = word_load(&cache->top[size_class]);
    if (unlikely(top >= cache->limit[size_class]))
        return false;
    *top = block;
    forget_address(size_class); /* or gcc adds an instruction to share the bin's address */
    word_store(&cache->top[size_class], top + 1);
    return true;
}

/* The bins of a watched cache look empty to the fast path: their bottoms have this bit, which no
 * address has, so they are above every top. Slow paths use the address without the bit. The bit is
 * written under the cache's lock. The command also sets it from outside, by writing the byte that
 * has the bit, so that a thread that only pops and pushes comes to a slow path. */
#define BIN_WATCHED ((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1))

static always_inline void **bin_as_watched(void **bottom, bool is_watched)
{
    uintptr_t address = (uintptr_t)bottom & ~BIN_WATCHED;
    return (void **)(is_watched ? address | BIN_WATCHED : address);
}

static always_inline bool bin_is_watched(const struct thread_cache *cache, unsigned size_class)
{
    return ((uintptr_t)word_load(&cache->bottom[size_class]) & BIN_WATCHED) != 0;
}

static always_inline void **bin_bottom(const struct thread_cache *cache, unsigned size_class)
{
    return bin_as_watched(word_load(&cache->bottom[size_class]), false);
}

/* Set or clear the bit in all bins. The caller holds the cache's lock, or no thread has the cache
 * yet. */
static inline void cache_watch(struct thread_cache *cache, bool is_watched)
{
    sampling_restart(&cache->sampling);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        word_store(&cache->bottom[size_class],
                   bin_as_watched(word_load(&cache->bottom[size_class]), is_watched));
}

/* Take a block from the bin in a slow path, watched or not; NULL if it is empty. */
static inline void *bin_pop_watched(struct thread_cache *cache, unsigned size_class)
{
    void **top = word_load(&cache->top[size_class]);
    if (top <= bin_bottom(cache, size_class))
        return NULL;
    word_store(&cache->top[size_class], top - 1);
    return top[-1];
}

/* How many blocks the bin holds. */
static inline unsigned bin_count(struct thread_cache *cache, unsigned size_class)
{
    return (unsigned)(word_load(&cache->top[size_class]) - bin_bottom(cache, size_class));
}

/* ---- the calling thread's cache ---- */

/* Its cache, which the first call makes. NULL if the thread has given its cache back, or if
 * metadata is short. */
struct thread_cache *thread_cache_get(void);
/* The same for a free. Also NULL if the thread has no cache and has freed only a few blocks. */
struct thread_cache *thread_cache_get_to_free(void);
/* The calling thread's cache; NULL if it has none. */
struct thread_cache *thread_cache_own(void);
/* The thread ends. Its cache must be empty and entered; it is kept for another thread. */
void thread_cache_end(void);
/* Called with each cache that thread_cache_get has made or found; arranges that
 * unified_cache_thread_exit is called at the end of the thread. */
extern void (*thread_cache_on_new)(struct thread_cache *cache);

/* ---- all thread caches ---- */

/* The number of threads that have a cache. */
size_t thread_cache_count(void);
/* Count the blocks of each class in all bins, and the threads that have a cache. */
void thread_cache_count_blocks(size_t blocks[CLASS_COUNT], size_t *threads);
/* Ask all threads to empty their caches at their next slow path. */
void thread_cache_ask_all(void);
/* Watch this cache if profiling is on, else end watching it. */
void thread_cache_watch(struct thread_cache *cache);
/* Profiling has started or stopped: do so for all caches. */
void thread_cache_watch_all(void);
/* Look at the next few caches of the list. If the thread of one has ended without our destructor,
 * take the cache out of the list and return it; else return NULL. The caller empties it and parks
 * it. */
struct thread_cache *thread_cache_take_gone(void);
/* Keep an empty cache that is in no list for another thread. */
void thread_cache_park(struct thread_cache *cache);
/* Are all known threads of the program gone? Then the helper, which asks this, is the last
 * thread. */
bool thread_cache_is_deserted(void);
/* Call `visit` for each cache. The lock of the list is held during `visit`, and released after each
 * cache; then `after` is called without it. `visit` must not use the list. */
void thread_cache_visit(void (*visit)(struct thread_cache *cache), void (*after)(void));

/* ---- copies of the process ---- */

/* In a forked child, after the lock of the list has been reset. The other threads do not exist;
 * their caches may be half changed and are abandoned. Returns the cache of the calling thread, or
 * NULL. */
struct thread_cache *thread_cache_reset_in_child(void);
/* In a child that no fork handler has prepared: forget all caches. The calling thread has none. */
void thread_cache_start_afresh(void);

#endif
