/* SPDX-License-Identifier: MIT */
/*
 * A thread's heap: its bins with their inline pop and push, the heap that a thread has, and the
 * list of all threads' heaps (thread_heap.c). A heap whose bins look empty and full sends every
 * call to the slow path; a thread starts with such a heap, so nothing on the fast path asks whether
 * there is one.
 */
#ifndef HAK_FRONT_THREAD_HEAP_H
#define HAK_FRONT_THREAD_HEAP_H

#include "lane/lane.h"

#define TINY_STEPS (LANE_TINY_MAX / BLOCK_ALIGN + 1)

/*
 * Purpose: a thread's unified cache: per class a magazine of pointers to free blocks. Owner: the
 * thread; others read top and bottom under `lock`, which the thread takes to move a magazine, and
 * take the oldest blocks of a bin by the protocol of idle_threads.c. Invariant: in a slow path of
 * its thread bottom[c] <= top[c] <= bottom[c] + slots[c]; else the magazine starts taken[c] slots
 * below bottom[c]. top[c] <= bottom[c] means empty, top[c] >= limit[c] full. All zero is a heap
 * that is empty and full and whose every class is CLASS_NONE.
 */
struct thread_heap {
    void **top[CLASS_COUNT]; /* the slot above the last block */
    void **bottom[CLASS_COUNT];
    void **limit[CLASS_COUNT];
    uint8_t size_class[TINY_STEPS]; /* of 16-byte steps; a copy of size_class_of */
    /* from here on never read through the empty heap */
    uint8_t refill[CLASS_COUNT];            /* blocks that the next refill asks for */
    bool is_used[CLASS_COUNT];              /* a refill came since the bin last grew */
    bool is_busy[CLASS_COUNT];              /* a slow path came since the budget's clock passed */
    uint32_t last_use[CLASS_COUNT];         /* slow_paths at the last one */
    uint16_t slots[CLASS_COUNT];            /* length of the magazine */
    uint8_t strangers[CLASS_LINE_LAST + 1]; /* blocks freed before any was allocated */
    struct lock lock;
    uint32_t thread_id;          /* by the kernel's numbers; 0 where it cannot be asked */
    uint32_t process_id;         /* the process that the number was asked in */
    const void *storage;         /* the thread's thread_heap_distance: only ever compared */
    _Atomic bool is_entered;     /* its thread is in a slow path */
    _Atomic bool is_visited;     /* its thread waits for `lock` in slow paths: idle_threads.c */
    bool is_to_empty;            /* its thread shall empty it at its next slow path */
    bool has_gaps;               /* some taken[] is not 0 */
    uint8_t quiet;               /* looks in a row that found the same tops */
    uint16_t taken[CLASS_COUNT]; /* slots below bottom that another thread has emptied */
    uint64_t tops;               /* what the tops came to at the last look */
    unsigned victim;             /* the class that gives up budget next */
    size_t granted;              /* bytes that the bins may hold by their limits */
    uint32_t slow_paths;         /* how many there were; wraps */
    uint32_t turnover;           /* slab_run_turnover() when idle bins were looked for */
    unsigned batches;            /* that have left for the depot */
    struct thread_heap *next;
    struct thread_heap *prev;
};
_Static_assert(offsetof(struct thread_heap, refill) <= RESERVATION_FRONT_BYTES,
               "the empty heap is the zero front of the reservation's head");
_Static_assert(sizeof(struct thread_heap) <= META_FREE_MAX, "metadata can hand out a heap");

/* The heap that the thread's fast path uses, as the distance from the reservation's base. 0, with
 * which every thread starts (also before relocation and TLS set-up), is the empty heap at the base
 * itself. It is 0 in each slow path that changes the thread's own heap too: so a signal handler's
 * calls cannot meet a bin that is half changed. */
extern __thread ptrdiff_t thread_heap_distance __attribute__((tls_model("initial-exec")));

static always_inline struct thread_heap *thread_heap_at(struct reservation *base)
{
    return (struct thread_heap *)((char *)base + thread_heap_distance);
}

/* A block from the bin; false when it is empty. Only the owner writes top; another thread's reader
 * takes whatever value it finds. Another thread may raise bottom, above top for a moment. */
static always_inline bool bin_try_pop(struct thread_heap *heap, unsigned size_class, void **block)
{
    void **top = word_load(&heap->top[size_class]);
    if (unlikely(top <= word_load(&heap->bottom[size_class])))
        return false;
    top--;
    word_store(&heap->top[size_class], top);
    *block = *top; /* after the store: one register less to move */
    return true;
}

/* The same; NULL when it is empty. */
static always_inline void *bin_pop(struct thread_heap *heap, unsigned size_class)
{
    void *block;
    return bin_try_pop(heap, size_class, &block) ? block : NULL;
}

static always_inline bool bin_push(struct thread_heap *heap, size_t size_class, void *block)
{
    void **top = word_load(&heap->top[size_class]);
    if (unlikely(top >= heap->limit[size_class]))
        return false;
    *top = block;
    forget_address(size_class); /* or gcc adds an instruction to share the bin's address */
    word_store(&heap->top[size_class], top + 1);
    return true;
}

/* How many blocks the bin holds. */
static inline unsigned bin_count(struct thread_heap *heap, unsigned size_class)
{
    return (unsigned)(word_load(&heap->top[size_class]) - heap->bottom[size_class]);
}

/* ---- the calling thread's heap ---- */

/* Its heap, made at first use. NULL when the thread has ended or memory is short. */
struct thread_heap *thread_heap_get(void);
/* The same for a thread that frees; NULL also if it has no heap, and has freed little so far. */
struct thread_heap *thread_heap_get_to_free(void);
/* Its heap, if it has one. */
struct thread_heap *thread_heap_own(void);
/* The thread ends: its heap, which is empty and entered, waits for another thread. */
void thread_heap_end(void);
/* Told of a new heap; arranges for unified_cache_thread_exit. */
extern void (*thread_heap_on_new)(struct thread_heap *heap);

/* ---- all threads' heaps ---- */

/* Threads that have a heap. */
size_t thread_heap_count(void);
/* Blocks of each class in all threads' bins, and the number of threads that have some. */
void thread_heap_count_blocks(size_t blocks[CLASS_COUNT], size_t *threads);
/* Ask all threads to empty their heaps. */
void thread_heap_ask_all(void);
/* Take a heap out of the list whose thread has ended without our destructor, if there is one among
 * the next few; else NULL. The caller empties it and parks it. */
struct thread_heap *thread_heap_take_gone(void);
/* An empty heap that is in no list waits for another thread. */
void thread_heap_park(struct thread_heap *heap);
/* Are all known threads of the program gone? Then the helper, which asks, is the last one. */
bool thread_heap_is_deserted(void);
/* Call `visit` with each heap in turn, under the lock of the list, one heap in a holding; and
 * `after` without it. `visit` must not use the list. */
void thread_heap_visit(void (*visit)(struct thread_heap *heap), void (*after)(void));

/* ---- copies of the process ---- */

/* In a forked child, after the lock of the list: the other threads are gone; their heaps cannot be
 * trusted and are abandoned. Returns the calling thread's, or NULL. */
struct thread_heap *thread_heap_reset_in_child(void);
/* In a child that no fork handler has prepared: no heap is known, the calling thread has none. */
void thread_heap_start_afresh(void);

#endif
