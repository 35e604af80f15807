/* SPDX-License-Identifier: MIT */
/*
 * The front: the thread's unified cache with its inline pop and push, and the route from a size or
 * a pointer to its lane. The fast path is here and nowhere else: thread_heap, then bin_pop or
 * bin_push. A heap whose bins look empty and full sends every call to the slow path; a thread
 * starts with such a heap, so nothing on the fast path asks whether there is one.
 */
#ifndef HAK_FRONT_FRONT_H
#define HAK_FRONT_FRONT_H

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
    uint32_t turnover;           /* slab_turnover() when idle bins were looked for */
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

/* malloc's fast half: false when the slow path must decide. A test for NULL would cost more. */
static always_inline bool front_try_alloc(size_t size, void **block)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    if (likely(size <= LANE_TINY_MAX))
        return bin_try_pop(heap, heap->size_class[(size + BLOCK_ALIGN - 1) / BLOCK_ALIGN], block);
    if (size <= LANE_ACE_MAX)
        return bin_try_pop(heap, size_class_of_large(size), block);
    return false;
}

/* The same; NULL when the slow path must decide. */
static always_inline void *front_alloc(size_t size)
{
    void *block;
    return front_try_alloc(size, &block) ? block : NULL;
}

/* The class whose blocks hold `size` bytes and are all aligned to a power of two; CLASS_HUGE if
 * there is none. Eight classes a doubling have each multiple of a power of two up to eight of it,
 * and only multiples of it above. */
static always_inline unsigned front_aligned_class(size_t alignment, size_t size)
{
    if (unlikely(size > LANE_ACE_MAX || alignment > SLAB_SIZE))
        return CLASS_HUGE;
    if (size <= LANE_POOL_MAX) /* spans begin where slabs do */
        size = align_up(max_size(size, 1), alignment);
    return size_class_of(size);
}

/* Is it a span of whole pages that is asked for? Who does may change their protection. */
static always_inline bool front_is_paged(size_t alignment, size_t size)
{
    return alignment >= 4 * KIB && size > LANE_POOL_MAX;
}

/* The aligned calls' fast half. */
static always_inline void *front_alloc_aligned(size_t alignment, size_t size)
{
    if (unlikely(front_is_paged(alignment, size)))
        return NULL;
    return bin_pop(thread_heap_at(reservation_get()), front_aligned_class(alignment, size));
}

/* free's fast half: false when the slow path must decide. */
static always_inline bool front_free(void *block)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (unlikely(offset >= base->size))
        return false;
    size_t size_class = slab_map_get(base, offset);
    __asm__ volatile("" ::"r"(size_class)); /* or clang keeps base and heap in two registers */
    return bin_push(thread_heap_at(base), size_class, block);
}

/* May the block stay as it is? One that would be more than half empty is worth a copy. */
static always_inline bool front_is_good_fit(size_t size, size_t usable)
{
    return size <= usable && (size >= usable / 2 || usable == BLOCK_ALIGN);
}

/* Is it the block of its class that the calling thread freed last? */
static always_inline bool front_was_freed(unsigned size_class, const void *block)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    void **top = word_load(&heap->top[size_class]);
    return top > word_load(&heap->bottom[size_class]) && top[-1] == block;
}

/* Usable bytes of a block of a class. 0 for a pointer that is not ours, has no class, or is at
 * fault: the slow paths say which. */
static always_inline size_t front_usable(const void *block)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (unlikely(offset >= base->size))
        return 0;
    unsigned size_class = slab_map_get(base, offset);
    size_t size = size_classes[size_class].size; /* 0 for a byte that names no class */
    return likely(size > 0) && likely(pool_is_start(size_class, block)) &&
                   likely(!front_was_freed(size_class, block))
               ? size
               : 0;
}

/* realloc's fast half: does the block serve `size` bytes as it is? */
static always_inline bool front_resize(const void *block, size_t size)
{
    return size > 0 && front_is_good_fit(size, front_usable(block));
}

/* ---- route.c: the slow paths. The reservation must exist. ---- */

/* A block of `size` bytes; zeroed if is_zeroed. NULL when out of memory. */
void *route_alloc(size_t size, bool is_zeroed);
/* The same aligned to a power of two. */
void *route_alloc_aligned(size_t alignment, size_t size, bool is_zeroed);
/* False when the pointer is outside the reservation: another allocator's, or none's. Ends the
 * program when it is inside and not a live block. */
bool route_free(void *block);
/* Usable bytes; false as route_free. */
bool route_usable(const void *block, size_t *usable);
/* The size of a live block as its map byte, or its own record, has it: no lock, no check of
 * anything that may change. False as route_free. */
bool route_size_of(const void *block, size_t *size);
/* The block resized, moved if need be; *result is NULL when out of memory. False as route_free. */
bool route_resize(void *block, size_t size, void **result);
/* Usable bytes of a block of this size; 0 when there is none. */
size_t route_good_size(size_t size);
/* Empty all threads' caches as far as they can be, the depots, the warm pool, and the free pages of
 * partly used slabs. Bytes of pages that went back to the kernel. */
size_t route_trim(void);
/* The last look at what the calling thread and the depots hold free: ends the program if a block
 * lies there twice. */
void route_judge_caches(void);
/* End the program: `block`, given to `function`, is no pointer of any allocator. */
__attribute__((noreturn)) void route_report_foreign(const char *function, const void *block);

/* Called on each slow path, with no lock held; NULL when no setting asks for that. Set before the
 * reservation exists. */
extern void (*route_on_slow_path)(void);

/* misuse.c: end the program with one line. `verdict` must be a fault. */
__attribute__((noreturn)) void misuse_report(const char *function, struct verdict verdict);
/* The verdict on blocks that were given back: returns if they were sound, else ends the program in
 * free's name. */
static inline void misuse_stop_at_fault(struct verdict verdict)
{
    if (unlikely(verdict.fault != FAULT_NONE))
        misuse_report("free", verdict);
}
/* What is wrong with a pointer inside the reservation at which no live block starts? */
struct verdict misuse_diagnose(const void *block);

/* ---- thread_heap.c ---- */

/* The calling thread's heap, made at first use. NULL when the thread is ending or out of memory. */
struct thread_heap *unified_cache_heap(void);
/* The calling thread's heap if it has one. */
struct thread_heap *unified_cache_own(void);
/* Threads that have a heap. */
size_t unified_cache_threads(void);
/* The calling thread ends: its heap is emptied and waits for another thread. */
void unified_cache_thread_exit(void);
/* Told of a new heap; arranges for unified_cache_thread_exit. */
extern void (*unified_cache_on_new_heap)(struct thread_heap *heap);
/* Begin to change unified_cache_heap(), which is the thread's until unified_cache_leave. */
struct thread_heap *unified_cache_enter(void);
/* The same; NULL in a thread that has no heap, and has freed little so far, or in any without. */
struct thread_heap *unified_cache_enter_to_free(void);
struct thread_heap *unified_cache_enter_own(void);
static inline void unified_cache_leave(struct thread_heap *heap)
{
    if (!heap)
        return;
    /* release: changes of the heap come before */
    atomic_store_explicit(&heap->is_entered, false, memory_order_release);
    thread_heap_distance = (char *)heap - (char *)reservation_get();
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
}
/* Blocks of each class in all threads' bins, and the number of threads that have some. */
void unified_cache_count(size_t blocks[CLASS_COUNT], size_t *threads);

/* ---- unified_cache.c ---- */

static inline unsigned bin_count(struct thread_heap *heap, unsigned size_class)
{
    return (unsigned)(word_load(&heap->top[size_class]) - heap->bottom[size_class]);
}

/* Give free blocks of one class to the lane; the verdict on the first that is at fault. */
struct verdict unified_cache_give(unsigned size_class, void **blocks, unsigned count);
/* A block of a Tiny, Pool or ACE class, and more of them for the bin. NULL when out of memory;
 * *is_zero says that the block reads as zero. */
void *unified_cache_refill(unsigned size_class, bool *is_zero);
/* Free a block whose bin is full (or absent): check it, and grow the bin or flush half of it. */
void unified_cache_flush(unsigned size_class, void *block);
/* Give back all that the calling thread's bins hold. */
void unified_cache_empty(void);
/* The same for a heap that the caller has entered, or that is in no list. */
void unified_cache_empty_heap(struct thread_heap *heap);
/* Check that the bins of the calling thread hold no block twice; ends the program if one does. */
void unified_cache_judge(void);

/* ---- fork ---- */
void front_lock_all(void);
void front_unlock_all(void);
/* In the child: the other threads are gone; their caches cannot be trusted and are abandoned. */
void front_reset_in_child(void);
/* In a child that no fork handler has prepared: no heap is known, the calling thread has none. */
void front_start_afresh(void);

#endif
