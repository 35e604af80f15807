/* SPDX-License-Identifier: MIT */
/*
 * Threads' heaps: which a thread has, the list of all of them, thread exit and fork. Called by the
 * api layer and by unified_cache.c, which owns what is in a heap. A thread starts with the empty
 * heap, gets one of its own at its first slow path, and ends with the exited one, which is empty
 * and full for good, so that what is freed after its end goes straight to the lanes.
 */
#include "front/thread_heaps.h"

#include <string.h>

__thread ptrdiff_t thread_heap_distance;

/* The heap of a thread that has ended its own: empty and full like the first one, but for good. */
static struct thread_heap exited_heap;

state_data struct thread_heaps heaps;

/* The heap of a thread that forks. */
static __thread struct thread_heap *forking;

early_data void (*unified_cache_on_new_heap)(struct thread_heap *heap);

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
    if (heaps.next_visit == heap)
        heaps.next_visit = heap->next;
    if (heap->prev)
        heap->prev->next = heap->next;
    else
        heaps.live = heap->next;
    if (heap->next)
        heap->next->prev = heap->prev;
}

/* Our thread's heap, if it was parked, or made before the loader reset our thread-local storage. */
static struct thread_heap *find_own_locked(uint32_t thread_id)
{
    struct thread_heap *heap = heaps.live;
    while (heap && !((heap->is_early || heap->is_parked) && heap->thread_id == thread_id))
        heap = heap->next;
    return heap;
}

void unified_cache_started(void)
{
    lock_acquire(&heaps.lock);
    heaps.is_started = true;
    lock_release(&heaps.lock);
}

static void set_up(struct thread_heap *heap)
{
    for (size_t step = 0; step < TINY_STEPS; step++)
        heap->size_class[step] = (uint8_t)size_class_of(step * BLOCK_ALIGN);
    memset(heap->refill, 1, sizeof(heap->refill));
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_LINE_LAST; size_class++)
        heap->refill[size_class] = (uint8_t)min_size(line_blocks(size_classes[size_class].size),
                                                     (size_t)settings.tiny_refill_batch_size);
}

static struct thread_heap *acquire_heap(void)
{
    uint32_t thread_id = os_thread_id();
    lock_acquire(&heaps.lock);
    struct thread_heap *heap = find_own_locked(thread_id);
    bool is_new = heap == NULL;
    if (heap && heap->is_parked)
        idle_threads_unpark(heap);
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
        heap->is_early = !heaps.is_started;
        link_live_locked(heap);
    }
    if (heap)
        heap->distance = &thread_heap_distance;
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

struct thread_heap *unified_cache_enter(void)
{
    struct thread_heap *heap = unified_cache_heap();
    if (!heap)
        return NULL;
    atomic_store_explicit(&heap->users,
                          atomic_load_explicit(&heap->users, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (unlikely(word_load(&heap->is_to_empty))) {
        word_store(&heap->is_to_empty, false);
        unified_cache_empty();
    }
    return heap;
}

void unified_cache_ask_all(void)
{
    lock_acquire(&heaps.lock);
    for (struct thread_heap *heap = heaps.live; heap; heap = heap->next)
        word_store(&heap->is_to_empty, !heap->is_parked);
    lock_release(&heaps.lock);
}

void unified_cache_thread_exit(void)
{
    /* a parked heap comes back, and leaves with its thread */
    struct thread_heap *heap = unified_cache_enter();
    if (!heap)
        return;
    unified_cache_empty();
    set_thread_heap(&exited_heap);
    lock_acquire(&heaps.lock);
    unlink_live_locked(heap);
    heap->thread_id = 0;
    unified_cache_leave(heap);
    heap->next = heaps.spare;
    heaps.spare = heap;
    lock_release(&heaps.lock);
}

/* ---- all threads ---- */

size_t unified_cache_threads(void)
{
    return atomic_load_explicit(&heaps.live_count, memory_order_relaxed);
}

void unified_cache_visit(void (*visit)(struct thread_heap *heap), void (*after)(void))
{
    bool is_last = false;
    lock_acquire(&heaps.lock);
    heaps.next_visit = heaps.live;
    lock_release(&heaps.lock);
    while (!is_last) {
        lock_acquire(&heaps.lock);
        struct thread_heap *heap = heaps.next_visit;
        if (heap) {
            heaps.next_visit = heap->next;
            visit(heap);
        }
        is_last = heap == NULL;
        lock_release(&heaps.lock);
        after();
    }
}

void unified_cache_count(size_t blocks[CLASS_COUNT], size_t *threads)
{
    *threads = 0;
    memset(blocks, 0, CLASS_COUNT * sizeof(blocks[0]));
    lock_acquire(&heaps.lock);
    for (struct thread_heap *heap = heaps.live; heap; heap = heap->next) {
        *threads += 1;
        lock_acquire(&heap->lock);
        for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
            blocks[size_class] += heap->is_parked ? idle_threads_count(heap, size_class)
                                                  : bin_count(heap, size_class);
        lock_release(&heap->lock);
    }
    lock_release(&heaps.lock);
}

void front_lock_all(void)
{
    owned_heap_lock_all();
    lock_acquire(&heaps.lock);
    forking = thread_heap_distance == 0 ? find_own_locked(os_thread_id())
                                        : thread_heap_at(reservation_get());
}

void front_note_fork(void)
{
    forking = thread_heap_distance == 0 ? NULL : thread_heap_at(reservation_get());
}

void front_unlock_all(void)
{
    lock_release(&heaps.lock);
    owned_heap_unlock_all();
}

void front_reset_in_child(void)
{
    owned_heap_reset_locks();
    struct thread_heap *own = forking;
    lock_reset(&heaps.lock);
    heaps.live = NULL;
    atomic_store_explicit(&heaps.live_count, 0, memory_order_relaxed);
    if (!own || own == &exited_heap)
        return;
    lock_reset(&own->lock);
    if (own->is_parked)
        idle_threads_unpark(own);
    set_thread_heap(own);
    own->thread_id = os_thread_id();
    link_live_locked(own);
}
