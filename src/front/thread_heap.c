/* SPDX-License-Identifier: MIT */
/*
 * Threads' heaps: which a thread has, the list of all of them, and what a copy of the process keeps
 * of them. unified_cache.c owns what is in a heap. A thread starts with the empty heap, and gets
 * one of its own when it first allocates, or when it has freed so many blocks that a cache is worth
 * it. (libc frees in threads that are past their last destructor. Such a thread must not get a
 * heap, since it would never give it back.) A thread that has given its heap back never gets
 * another.
 *
 * Some threads end without our destructor (by the exit system call, or a destructor that allocates
 * in the last round). Their heaps are found in two ways. A thread that has no heap, but finds one
 * that was made for thread-local storage at the very address of its own, has that storage now, and
 * is the only thread that has: the heap is its own, from before the loader cleared its storage, or
 * its maker is gone. Else the kernel is asked whether the thread's number is still in use in this
 * process. A number in use says nothing, since numbers come round; then the heap is found later.
 *
 * May never write to an address in another thread's storage.
 */
#include "front/thread_heaps.h"
#include "watch/profile.h"

#include <string.h>

/* A thread without a heap frees this many blocks straight to the lanes. A thread that only frees
 * blocks of other threads soon has a heap; a thread in which libc only cleans up frees fewer. */
#define FREES_WITHOUT_HEAP 8

/* How many heaps are checked for a gone thread when a heap is wanted, and in an epoch. */
#define LOOKS_FOR_HEAP 2
#define LOOKS_IN_EPOCH 4

__thread ptrdiff_t thread_heap_distance;

/* Purpose: what a thread knows of itself. All zero at its start. */
static __thread struct {
    struct thread_heap *heap; /* its own; thread_heap_distance names it outside slow paths */
    uint8_t frees;            /* that came while it had no heap */
    bool has_ended;           /* its heap went back: it gets no other */
} self;

state_data struct thread_heaps thread_heaps;

early_data void (*thread_heap_on_new)(struct thread_heap *heap);

/* ---- the list ---- */

static void link_live_locked(struct thread_heap *heap)
{
    heap->prev = NULL;
    heap->next = thread_heaps.live;
    if (heap->next)
        heap->next->prev = heap;
    thread_heaps.live = heap;
    atomic_fetch_add_explicit(&thread_heaps.live_count, 1, memory_order_relaxed);
}

static void unlink_live_locked(struct thread_heap *heap)
{
    atomic_fetch_sub_explicit(&thread_heaps.live_count, 1, memory_order_relaxed);
    if (thread_heaps.next_visit == heap)
        thread_heaps.next_visit = heap->next;
    if (thread_heaps.next_look == heap)
        thread_heaps.next_look = heap->next;
    if (heap->prev)
        heap->prev->next = heap->next;
    else
        thread_heaps.live = heap->next;
    if (heap->next)
        heap->next->prev = heap->prev;
}

static void put_aside_locked(struct thread_heap *heap)
{
    heap->thread_id = 0;
    heap->storage = NULL;
    heap->next = thread_heaps.spare;
    thread_heaps.spare = heap;
}

/* ---- whose heap it is ---- */

static void note_thread(struct thread_heap *heap)
{
    struct os_thread_number number = os_thread_number();
    heap->thread_id = number.thread;
    heap->process_id = number.process;
    heap->storage = &thread_heap_distance;
}

/* The heap made for our own storage is ours, now or soon: no question to the kernel. */
static bool is_gone(const struct thread_heap *heap)
{
    return heap->storage != &thread_heap_distance &&
           os_thread_is_gone((struct os_thread_number){heap->process_id, heap->thread_id});
}

/* Can the content of a heap whose thread is gone be trusted? A thread that ended in the middle of a
 * slow path has left it half changed: it is forgotten, with the blocks in it. */
static struct thread_heap *forget_if_broken_locked(struct thread_heap *heap)
{
    /* acquire: what its thread did before it left the heap is visible */
    if (!heap || !atomic_load_explicit(&heap->is_entered, memory_order_acquire))
        return heap;
    unlink_live_locked(heap);
    return NULL;
}

/* The heap made for the storage that is ours now. */
static struct thread_heap *find_own_locked(void)
{
    struct thread_heap *heap = thread_heaps.live;
    while (heap && heap->storage != &thread_heap_distance)
        heap = heap->next;
    return forget_if_broken_locked(heap);
}

/* A heap whose thread is gone, if one is among the next few. */
static struct thread_heap *find_gone_locked(unsigned looks)
{
    for (; looks > 0 && thread_heaps.live; looks--) {
        struct thread_heap *heap = thread_heaps.next_look ? thread_heaps.next_look
                                                          : thread_heaps.live;
        thread_heaps.next_look = heap->next;
        if (is_gone(heap))
            return forget_if_broken_locked(heap);
    }
    return NULL;
}

/* ---- a thread's heap ---- */

static void set_up(struct thread_heap *heap)
{
    for (size_t step = 0; step < TINY_STEPS; step++)
        heap->size_class[step] = (uint8_t)size_class_of(step * BLOCK_ALIGN);
    memset(heap->refill, 1, sizeof(heap->refill));
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_LINE_LAST; size_class++)
        heap->refill[size_class] = (uint8_t)min_size(line_blocks(size_classes[size_class].size),
                                                     (size_t)settings.tiny_refill_batch_size);
}

static void set_watched_locked(struct thread_heap *heap)
{
    bool is_watched = profile_is_on();
    lock_acquire(&heap->lock);
    heap_watch(heap, is_watched);
    lock_release(&heap->lock);
}

void thread_heap_watch_all(void)
{
    lock_acquire(&thread_heaps.lock);
    for (struct thread_heap *heap = thread_heaps.live; heap; heap = heap->next)
        set_watched_locked(heap);
    lock_release(&thread_heaps.lock);
}

/* A heap that no thread has. */
static struct thread_heap *take_unused_locked(void)
{
    struct thread_heap *heap = thread_heaps.spare;
    if (heap) {
        thread_heaps.spare = heap->next;
    } else {
        heap = meta_alloc(sizeof(*heap));
        if (heap)
            set_up(heap);
    }
    if (heap)
        link_live_locked(heap);
    return heap;
}

static struct thread_heap *acquire_heap(void)
{
    lock_acquire(&thread_heaps.lock);
    struct thread_heap *heap = find_own_locked();
    if (!heap && !thread_heaps.spare)
        heap = find_gone_locked(LOOKS_FOR_HEAP);
    if (!heap)
        heap = take_unused_locked();
    if (heap) {
        note_thread(heap);
        /* under the list's lock: who starts or stops watching comes by before, or finds it there */
        set_watched_locked(heap);
    }
    lock_release(&thread_heaps.lock);
    return heap;
}

struct thread_heap *thread_heap_own(void)
{
    return self.heap;
}

struct thread_heap *thread_heap_get(void)
{
    if (likely(self.heap != NULL) || self.has_ended)
        return self.heap;
    /* a signal handler that comes now must not acquire another */
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    struct thread_heap *heap = acquire_heap();
    if (heap) {
        self.heap = heap;
        thread_heap_distance = (char *)heap - (char *)reservation_get();
    }
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
    if (heap && thread_heap_on_new)
        thread_heap_on_new(heap);
    return heap;
}

struct thread_heap *thread_heap_get_to_free(void)
{
    if (likely(self.heap != NULL))
        return self.heap;
    if (self.frees < FREES_WITHOUT_HEAP) {
        self.frees++;
        return NULL;
    }
    return thread_heap_get();
}

void thread_heap_end(void)
{
    struct thread_heap *heap = self.heap;
    self.has_ended = true;
    if (!heap)
        return;
    lock_acquire(&thread_heaps.lock);
    unlink_live_locked(heap);
    put_aside_locked(heap);
    self.heap = NULL;
    /* relaxed: the next owner gets the heap under the lock */
    atomic_store_explicit(&heap->is_entered, false, memory_order_relaxed);
    lock_release(&thread_heaps.lock);
}

/* ---- all threads ---- */

size_t thread_heap_count(void)
{
    return atomic_load_explicit(&thread_heaps.live_count, memory_order_relaxed);
}

void thread_heap_ask_all(void)
{
    lock_acquire(&thread_heaps.lock);
    for (struct thread_heap *heap = thread_heaps.live; heap; heap = heap->next)
        word_store(&heap->is_to_empty, true);
    lock_release(&thread_heaps.lock);
}

void thread_heap_visit(void (*visit)(struct thread_heap *heap), void (*after)(void))
{
    bool is_last = false;
    lock_acquire(&thread_heaps.lock);
    thread_heaps.next_visit = thread_heaps.live;
    lock_release(&thread_heaps.lock);
    while (!is_last) {
        lock_acquire(&thread_heaps.lock);
        struct thread_heap *heap = thread_heaps.next_visit;
        if (heap) {
            thread_heaps.next_visit = heap->next;
            visit(heap);
        }
        is_last = heap == NULL;
        lock_release(&thread_heaps.lock);
        after();
    }
}

void thread_heap_count_blocks(size_t blocks[CLASS_COUNT], size_t *threads)
{
    *threads = 0;
    memset(blocks, 0, CLASS_COUNT * sizeof(blocks[0]));
    lock_acquire(&thread_heaps.lock);
    for (struct thread_heap *heap = thread_heaps.live; heap; heap = heap->next) {
        *threads += 1;
        lock_acquire(&heap->lock);
        for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
            blocks[size_class] += bin_count(heap, size_class);
        lock_release(&heap->lock);
    }
    lock_release(&thread_heaps.lock);
}

struct thread_heap *thread_heap_take_gone(void)
{
    lock_acquire(&thread_heaps.lock);
    struct thread_heap *heap = find_gone_locked(LOOKS_IN_EPOCH);
    if (heap)
        unlink_live_locked(heap);
    lock_release(&thread_heaps.lock);
    return heap;
}

void thread_heap_park(struct thread_heap *heap)
{
    lock_acquire(&thread_heaps.lock);
    put_aside_locked(heap);
    lock_release(&thread_heaps.lock);
}

bool thread_heap_is_deserted(void)
{
    /* not lock_acquire: a thread may have ended with the lock held */
    if (!os_helper_finds_gone(os_helper_process()) || !lock_try(&thread_heaps.lock))
        return false;
    struct thread_heap *heap = thread_heaps.live;
    while (heap && heap->thread_id != 0 && os_helper_finds_gone(heap->thread_id))
        heap = heap->next;
    lock_release(&thread_heaps.lock);
    return heap == NULL;
}

/* ---- copies of the process ---- */

struct thread_heap *thread_heap_reset_in_child(void)
{
    struct thread_heap *own = self.heap ? self.heap : find_own_locked();
    thread_heaps.live = NULL;
    thread_heaps.next_look = NULL;
    atomic_store_explicit(&thread_heaps.live_count, 0, memory_order_relaxed);
    if (own) {
        lock_reset(&own->lock);
        note_thread(own);
        link_live_locked(own);
    }
    return own;
}

void thread_heap_start_afresh(void)
{
    memset(&thread_heaps, 0, sizeof(thread_heaps));
    memset(&self, 0, sizeof(self));
    thread_heap_distance = 0;
}
