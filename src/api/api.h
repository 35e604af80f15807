/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the api layer: the gate that every slow path passes, the entry points that
 * serve both malloc's and hak_malloc's names, and the hand-over to libc.
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
    GATE_INSIDE, /* a signal handler has interrupted this thread inside the allocator */
    GATE_CLOSED  /* there is no address space, so far */
};
/*
 * Every entry point that takes a lock, or reads shared state, calls this first. It sets the
 * allocator up if that has not been done. Any thread may call it at any time. At GATE_INSIDE the
 * calling thread itself may hold locks, and may have changed any state by half. So no state of ours
 * may be read, and no lock may be waited for: libc's own allocator serves malloc and its like, free
 * drops the block, and every other entry point does nothing.
 */
enum gate init_gate(void);

/* ---- thread_exit.c ---- */

/* From here on, a thread that has a cache gives it back when it ends. */
void thread_exit_start(void);
/* The lock of the key. It is taken before all other locks. */
extern struct lock thread_exit_lock;

/* ---- fork.c ---- */

/* Register the handlers of fork. Call once the reservation exists. */
void fork_add_handlers(void);
/* Take every lock of the allocator in its order; release them. */
void fork_lock_all(void);
void fork_unlock_all(void);
/* In a child that fork made, or whose parent had only one thread: reset the locks, and forget the
 * other threads. */
void fork_continue_in_child(void);
/* Repair a process that is a copy made without our fork handlers. Returns whether there is a
 * reservation. */
bool fork_repair(void);

/* ---- entry.c: the slow halves of calls; they set errno as the standards say ---- */

void *entry_alloc_slow(size_t size);
void *entry_calloc_slow(size_t size);
void entry_free_slow(void *block);
void *entry_realloc_slow(void *block, size_t size);
void *entry_reallocarray(void *block, size_t count, size_t size);
void *entry_reallocf(void *block, size_t size);
/* alignment must be a power of two; sets errno */
void *entry_aligned(size_t alignment, size_t size);
/* aligned_alloc and memalign: EINVAL if the alignment is not a power of two */
void *entry_aligned_checked(size_t alignment, size_t size);
int entry_posix_memalign(void **out, size_t alignment, size_t size);
size_t entry_usable(const void *block);
/* Owned heaps: the functions hak_heap_*. `function` is the name of the caller for messages. A
 * handle of no live heap ends the program. */
struct hak_heap *entry_heap_new(void);
void *entry_heap_alloc(const char *function, struct hak_heap *heap, size_t alignment, size_t size,
                       bool is_zeroed);
void *entry_heap_realloc(struct hak_heap *heap, void *block, size_t size);
void *entry_heap_aligned(struct hak_heap *heap, size_t alignment, size_t size);
void entry_heap_destroy(struct hak_heap *heap);
/* return NULL and set errno to ENOMEM */
void *entry_fail(void);
/* Is the calling thread inside the allocator? Then the entry points other than malloc, realloc and
 * free do nothing. */
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

/* Set a block to zero. Blocks consist of whole 16-byte steps, and most are too small to be worth a
 * call of memset. */
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

/* Call once the settings are read: prepares what they ask for. */
void publish_start(void);
/* Call when the process ends. */
void publish_at_exit(void);

/* ---- libc_handover.c ---- */

/* Count a call, by the reason why the allocator does not serve it. */
void libc_count(enum hak_fb_reason reason);
/* A block from libc's allocator. NULL if libc cannot give one (as in a static program). The caller
 * sets errno, also after libc_realloc. */
void *libc_alloc(enum hak_fb_reason reason, size_t alignment, size_t size, bool is_zeroed);
/* For a pointer outside the reservation: give the block back to libc. Ends the program if libc
 * cannot have given it out. */
void libc_free(void *block);
void *libc_realloc(void *block, size_t size);
size_t libc_usable(const void *block);
/* the line of HAKMEM_WRAP_DIAG at exit */
void libc_report_counts(void);

/* ---- libc_chunk.c ---- */

/* Is `block` a live block of glibc's own malloc? */
bool libc_chunk_is_live(const void *block);

#endif
