/* SPDX-License-Identifier: MIT */
/*
 * HAKMEM: public extensions of the allocator.
 *
 * A program that only wants a faster malloc needs none of this: preloading libhakmem.so or linking
 * it is enough. Everything here is safe to call from any thread at any time, also as the first call
 * of the process, except where a comment says otherwise. Sizes are bytes. Each pointer returned is
 * aligned to 16 bytes or to the alignment asked for. A call that fails returns NULL (or what its
 * comment says) and sets errno: ENOMEM when there is no memory, EINVAL for an argument that cannot
 * be. Freeing keeps errno.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAKMEM_VERSION_STRING "0.1.0"

/* ---- The malloc family under names of our own: the same functions, the same contracts. ---- */

/* A block of at least `size` bytes, not initialised. size 0 gives a unique block. ENOMEM. */
void *hak_malloc(size_t size);
/* A zeroed block of count * size bytes. ENOMEM, also when the product overflows. */
void *hak_calloc(size_t count, size_t size);
/* The block resized, its content kept up to the smaller size; NULL leaves `block` as it was.
 * block NULL is malloc; size 0 frees and returns NULL, as glibc does. ENOMEM. */
void *hak_realloc(void *block, size_t size);
/* realloc to count * size bytes, ENOMEM when the product overflows. */
void *hak_reallocarray(void *block, size_t count, size_t size);
/* BSD: realloc that frees `block` when it fails. ENOMEM. */
void *hak_reallocf(void *block, size_t size);
/* Give a block back. NULL is allowed. A pointer of another allocator goes back to libc. A pointer
 * that is neither ours nor libc's ends in one line on stderr and abort(); so does one that is free
 * already, at the latest when its cache is flushed or the program exits (see docs/design.md). */
void hak_free(void *block);
/* C23: free, with what the caller knows of the block: the size (and alignment) it asked for. */
void hak_free_sized(void *block, size_t size);
void hak_free_aligned_sized(void *block, size_t alignment, size_t size);
/* The alignment must be a power of two (EINVAL) and, for posix_memalign, a multiple of
 * sizeof(void *); posix_memalign returns the error and leaves errno alone. */
void *hak_aligned_alloc(size_t alignment, size_t size);
int hak_posix_memalign(void **out, size_t alignment, size_t size);
/* Usable bytes of a block, at least what was asked for; 0 for NULL. */
size_t hak_usable_size(const void *block);

/* ---- Extensions ---- */

/* malloc that labels the allocation with a call site (any number of the program's choosing; 0 is
 * 'none'). Calls and bytes of each site are counted and appear in malloc_stats and malloc_info. */
void *hak_alloc_at(size_t size, uint32_t site);

struct hak_site {
    uint32_t site;
    uint64_t calls;
    uint64_t bytes; /* as asked for */
};
/* Calls and bytes of one site so far. False when the site has not been seen. */
bool hak_site_stats(uint32_t site, struct hak_site *out);

/* What malloc(size) would really hand out: the usable bytes; 0 when no block of that size can
 * be. */
size_t hak_good_size(size_t size);

/* Empty the calling thread's cache, the depots and the warm pool, and give free pages back to the
 * kernel. Returns the bytes given back. */
size_t hak_trim(void);

/* At HAKMEM_LIMIT, when giving free memory back was not enough: `handler` is called by the thread
 * that wants `wanted` bytes, with no lock held; by several threads at a time, if they meet the
 * limit together. It frees something and returns true, or returns false, and the call fails with
 * ENOMEM. It may allocate, which fails at the limit without a second call of the handler, and fork;
 * it must return. NULL: none. */
void hak_on_limit(bool (*handler)(size_t wanted, void *context), void *context);

/* Change HAKMEM_LIMIT: malloc and its like fail with ENOMEM rather than let the process's memory
 * grow beyond `bytes`; 0: no limit. A limit below what is in use fails calls until enough is freed.
 * The group's limit holds as well, if it is lower. False, and EINVAL, for more than 1 TiB. */
bool hak_set_limit(size_t bytes);

/* Recount every invariant of the heap under its locks. Returns 0, or the number of faults found,
 * each described in one line on stderr. Slow: for tests and debugging. */
int hak_check(void);

/* "0.1.0" */
const char *hak_version(void);

/* ---- Statistics: derived when asked, never counted on the fast path ---- */

enum { HAK_LANE_TINY, HAK_LANE_POOL, HAK_LANE_ACE, HAK_LANE_HUGE, HAK_LANE_COUNT };

struct hak_lane_stats {
    uint64_t live_bytes; /* in blocks the program holds, rounded up to their class */
    uint64_t live_blocks;
    uint64_t cached_bytes; /* free blocks in thread caches and depots */
    uint64_t free_bytes;   /* free blocks in slabs that are in use */
};

/* What thread caches could not serve by themselves: a lower bound of malloc and free, but for
 * blocks that a cache took ahead. Exact for Huge blocks, which no cache holds. Of first-class
 * heaps, ACE and Huge blocks only. */
struct hak_lane_traffic {
    uint64_t refilled_blocks; /* that caches took from depots and the lane, since the start */
    uint64_t flushed_blocks;  /* that caches gave back */
};

struct hak_stats {
    struct hak_lane_stats lane[HAK_LANE_COUNT];
    uint64_t reserved_bytes; /* address space */
    uint64_t mapped_bytes;   /* superslabs in use: address space that can have pages */
    uint64_t warm_bytes;     /* free slabs kept ready, still backed by pages */
    uint64_t metadata_bytes; /* records, thread caches, tables */
    uint64_t purged_bytes;   /* given back to the kernel since the start */
    uint64_t threads;        /* threads with a cache */
    /* since version 2; zero where the library is older */
    uint64_t version;             /* HAK_STATS_VERSION of the library */
    uint64_t thread_cached_bytes; /* of cached_bytes, those in thread caches */
    uint64_t depot_bytes;         /* of cached_bytes, those in depots */
    uint64_t rounding_bytes;      /* 0 since version 5: sizes asked for are not recorded */
    uint64_t libc_calls;          /* calls handed over to libc */
    /* since version 3 */
    uint64_t huge_waste_bytes; /* of warm_bytes: of huge pages, and never handed out */
    /* since version 4 */
    struct hak_lane_traffic traffic[HAK_LANE_COUNT];
};
#define HAK_STATS_VERSION 5
/* Fill `size` bytes of *out (sizeof *out at compile time): fields are only ever added at the end,
 * and what the library does not know is zero. Consistent per class, not across. */
void hak_stats(struct hak_stats *out, size_t size);
/* The figures by lane and size class as JSON text: up to size - 1 bytes of it, terminated, as
 * snprintf does. Returns the length of the whole text, which may be longer a moment later. */
size_t hak_stats_json(char *buffer, size_t size);

/* ---- What was handed over to libc, by reason (HAKMEM_WRAP_DIAG=1 writes each) ---- */

enum hak_fb_reason {
    HAK_FB_FORCE_LIBC,      /* HAKMEM_FORCE_LIBC_ALLOC=1 */
    HAK_FB_FOREIGN_FREE,    /* free of a pointer that libc gave out */
    HAK_FB_FOREIGN_REALLOC, /* realloc of such a pointer */
    HAK_FB_FOREIGN_USABLE,  /* malloc_usable_size of such a pointer */
    HAK_FB_INIT_WAIT,       /* asked by a thread inside the allocator: its start, or a signal */
    HAK_FB_COUNT
};
extern uint64_t g_fb_counts[HAK_FB_COUNT]; /* read only */

/* ---- First-class heaps: blocks that can be freed all at once ---- */

/*
 * Any thread may allocate from a heap, and free() or realloc() work on its blocks from any thread.
 * Destroying a heap frees all its blocks; none of them, nor the heap, may be in use by any thread
 * then. A heap is slower than malloc (it takes a lock) and faster to throw away.
 */
struct hak_heap;
struct hak_heap *hak_heap_new(void);
void *hak_heap_malloc(struct hak_heap *heap, size_t size);
void *hak_heap_calloc(struct hak_heap *heap, size_t count, size_t size);
/* block must be NULL or of this heap */
void *hak_heap_realloc(struct hak_heap *heap, void *block, size_t size);
void *hak_heap_aligned_alloc(struct hak_heap *heap, size_t alignment, size_t size);
void hak_heap_destroy(struct hak_heap *heap);

#ifdef __cplusplus
}
#endif
#endif
