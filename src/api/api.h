/* SPDX-License-Identifier: MIT */
/*
 * What the files of the api layer share: the gate that every slow path passes, the entry points
 * behind both malloc's and hak_malloc's names, and the hand-over to libc.
 */
#ifndef HAK_API_API_H
#define HAK_API_API_H

#include "front/front.h"
#include "front/route.h"

#include "hakmem/hakmem.h"

#include <string.h>

#define exported __attribute__((visibility("default")))

/* ---- init.c ---- */

enum gate {
    GATE_OPEN,   /* the allocator is ready */
    GATE_LIBC,   /* HAKMEM_FORCE_LIBC_ALLOC=1 */
    GATE_INSIDE, /* this very thread is inside the allocator: a signal handler has interrupted it */
    GATE_CLOSED  /* no address space could be had, yet */
};
/*
 * Every entry point that takes a lock, or looks at shared state, passes this first. It sets the
 * allocator up if that has not been done. Any thread, any time. At GATE_INSIDE locks may be held
 * and anything may be half changed by the calling thread itself: no state of ours may be read, and
 * no lock be waited for. malloc and its like are served by libc's own allocator then, free drops
 * the block, and every other entry point does nothing.
 */
enum gate init_gate(void);

/* ---- thread_exit.c ---- */

/* From here on threads that have a heap give it back at their end. */
void thread_exit_start(void);
/* Of the key: outermost of all locks. */
extern struct lock thread_exit_lock;

/* ---- fork.c ---- */

/* The reservation is there: forks must know of it from now on. */
void fork_add_handlers(void);
/* Take every lock of the allocator in its order; release them. */
void fork_lock_all(void);
void fork_unlock_all(void);
/* In a child whose parent had no other thread at work: no lock is held, other threads are gone. */
void fork_continue_in_child(void);
/* The process is a copy that no handler has seen. Returns whether there is a reservation. */
bool fork_repair(void);

/* ---- entry.c: the slow halves, with errno as the standards want it ---- */

void *entry_alloc_slow(size_t size);
void *entry_calloc_slow(size_t size);
void entry_free_slow(void *block);
void *entry_realloc_slow(void *block, size_t size);
void *entry_reallocarray(void *block, size_t count, size_t size);
void *entry_reallocf(void *block, size_t size);
/* alignment must be a power of two; sets errno */
void *entry_aligned(size_t alignment, size_t size);
/* aligned_alloc and memalign: EINVAL for an alignment that is not a power of two */
void *entry_aligned_checked(size_t alignment, size_t size);
int entry_posix_memalign(void **out, size_t alignment, size_t size);
size_t entry_usable(const void *block);
/* First-class heaps: hak_heap_*, of which `function` is one. A heap that is none ends the program.
 * */
struct hak_heap *entry_heap_new(void);
void *entry_heap_alloc(const char *function, struct hak_heap *heap, size_t alignment, size_t size,
                       bool is_zeroed);
void *entry_heap_realloc(struct hak_heap *heap, void *block, size_t size);
void *entry_heap_aligned(struct hak_heap *heap, size_t alignment, size_t size);
void entry_heap_destroy(struct hak_heap *heap);
/* NULL and ENOMEM */
void *entry_fail(void);
/* For entry points that are no malloc, realloc or free: is the calling thread inside the allocator?
 * Then they do nothing. */
static inline bool entry_is_inside(void)
{
    return init_gate() == GATE_INSIDE;
}

static always_inline void *entry_malloc(size_t size)
{
    void *block;
    return likely(front_try_alloc(size, &block)) ? block : entry_alloc_slow(size);
}

static always_inline void *entry_realloc(void *block, size_t size)
{
    return likely(front_resize(block, size)) ? block : entry_realloc_slow(block, size);
}

static always_inline void entry_free(void *block)
{
    if (unlikely(!front_free(block)))
        entry_free_slow(block);
}

/* memset of a block, which is of whole 16-byte steps: most are too small to be worth a call. */
static always_inline void *entry_zero(void *block, size_t size)
{
    typedef long long step __attribute__((vector_size(16), may_alias));
    step *steps = block;
    if (size > 4 * sizeof(step))
        return memset(block, 0, size);
    steps[0] = (step){0};
    if (size > sizeof(step))
        steps[1] = (step){0};
    if (size > 2 * sizeof(step))
        steps[2] = (step){0};
    if (size > 3 * sizeof(step))
        steps[3] = (step){0};
    return block;
}

static always_inline void *entry_calloc(size_t count, size_t size)
{
    size_t total;
    if (unlikely(__builtin_mul_overflow(count, size, &total)))
        return entry_fail();
    void *block;
    return likely(front_try_alloc(total, &block)) ? entry_zero(block, total)
                                                  : entry_calloc_slow(total);
}

/* ---- publish.c: the figures that settings ask for ---- */

/* Once the settings are read: arrange for what they ask. */
void publish_start(void);
/* The process ends. */
void publish_at_exit(void);

/* ---- libc_handover.c ---- */

/* Count a call that libc did not get. */
void libc_count(enum hak_fb_reason reason);
/* A block from libc's allocator; NULL when libc has none to give us (a static program). errno is
 * the caller's matter, also in libc_realloc. */
void *libc_alloc(enum hak_fb_reason reason, size_t alignment, size_t size, bool is_zeroed);
/* For a pointer outside the reservation: give it back to libc. Ends the program when libc cannot
 * have given it out. */
void libc_free(void *block);
void *libc_realloc(void *block, size_t size);
size_t libc_usable(const void *block);
/* HAKMEM_WRAP_DIAG's line at exit */
void libc_report_counts(void);

/* ---- libc_chunk.c ---- */

/* Is `block` a live block of glibc's own malloc? */
bool libc_chunk_is_live(const void *block);

#endif
