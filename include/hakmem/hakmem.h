/* SPDX-License-Identifier: MIT */
/*
 * HAKMEM: public extensions of the allocator.
 *
 * A program that only wants a faster malloc needs none of this: it is enough to preload or link
 * libhakmem.so. Any thread may call each function at any time, also as the first call of the
 * process, unless a comment says otherwise. Sizes are bytes. Each pointer returned is aligned to 16
 * bytes, or to the alignment asked for. A call that fails returns NULL (or the value that its
 * comment names) and sets errno: ENOMEM if memory is short, EINVAL for an invalid argument. free
 * keeps errno.
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

/* ---- The malloc family under hak_ names: the same functions and contracts ---- */

/* A block of at least `size` bytes, not initialised. size 0 gives a unique block. ENOMEM. */
void *hak_malloc(size_t size);
/* A zeroed block of count * size bytes. ENOMEM, also if the product overflows. */
void *hak_calloc(size_t count, size_t size);
/* Resize a block; its content is kept up to the smaller size. If it fails, `block` is unchanged. If
 * `block` is NULL it is malloc; if `size` is 0 it frees and returns NULL, as glibc does. ENOMEM. */
void *hak_realloc(void *block, size_t size);
/* realloc to count * size bytes. ENOMEM if the product overflows. */
void *hak_reallocarray(void *block, size_t count, size_t size);
/* BSD: realloc that frees `block` if it fails. ENOMEM. */
void *hak_reallocf(void *block, size_t size);
/* Free a block. NULL is allowed. A block of libc's allocator goes back to libc. Any other pointer
 * that is not ours ends the program: one line on stderr, and abort(). A double free ends it too, at
 * the latest when the bin of the block is flushed or the program exits (see docs/design.md). */
void hak_free(void *block);
/* C23: free, with the size (and alignment) with which the caller allocated the block. */
void hak_free_sized(void *block, size_t size);
void hak_free_aligned_sized(void *block, size_t alignment, size_t size);
/* The alignment must be a power of two (EINVAL) and, for posix_memalign, a multiple of
 * sizeof(void *); posix_memalign returns the error and leaves errno alone. */
void *hak_aligned_alloc(size_t alignment, size_t size);
int hak_posix_memalign(void **out, size_t alignment, size_t size);
/* Usable bytes of a block, at least the size that was asked for; 0 for NULL. */
size_t hak_usable_size(const void *block);

/* ---- Extensions ---- */

/* malloc that labels the allocation with a call site: any number that the program chooses; 0 means
 * none. Calls and bytes of each site are counted, and appear in malloc_stats and malloc_info. */
void *hak_alloc_at(size_t size, uint32_t site);

struct hak_site {
    uint32_t site;
    uint64_t calls;
    uint64_t bytes; /* as they were asked for */
};
/* Calls and bytes of one site so far. False if the site is not known. */
bool hak_site_stats(uint32_t site, struct hak_site *out);

/* The usable bytes of a block that malloc(size) would return; 0 if there can be no block of that
 * size. */
size_t hak_good_size(size_t size);

/* Empty the calling thread's cache, the depots and the warm pool, and give free pages back to the
 * kernel. Returns the bytes given back. */
size_t hak_trim(void);

/* Set a handler for HAKMEM_LIMIT. If a call needs `wanted` bytes more than the limit allows, and to
 * give free memory back was not enough, its thread calls the handler. The handler frees something
 * and returns true; or it returns false, and the call fails with ENOMEM. No lock is held. Several
 * threads may call the handler at the same time. It may allocate (which fails at the limit, without
 * a second call of the handler) and fork; it must return. NULL: no handler. */
void hak_on_limit(bool (*handler)(size_t wanted, void *context), void *context);

/* Change HAKMEM_LIMIT: malloc and its like fail with ENOMEM if they would make the process's memory
 * larger than `bytes`; 0: no limit. If more than that is in use, calls fail until enough is freed.
 * The control group's limit holds too, if it is lower. False, and EINVAL, for more than 1 TiB. */
bool hak_set_limit(size_t bytes);

/* Sample the blocks that are allocated from now on, in all threads: on average one block in every
 * `interval` bytes; 1 samples every block, 0 stands for HAKMEM_PROFILE_INTERVAL. The samples are
 * kept with their call stacks (and the label of hak_alloc_at), within HAKMEM_PROFILE_MEMORY; the
 * command hakmem reads them. If profiling is on already, a call changes the interval. Returns false
 * with errno set: EINVAL for an interval above 1 TiB; ENOMEM if there is no memory, or if the
 * caller is a signal handler that has interrupted the allocator. Any thread may call it at any
 * other time. */
bool hak_profile_start(size_t interval);
/* Stop profiling for the program. It goes on if the command hakmem or a tracer of the static probes
 * still needs it. The samples so far are kept, frees of their blocks are still recorded, and
 * another start goes on with them. Any thread may call it; does nothing where hak_profile_start
 * fails. */
void hak_profile_stop(void);

/* Recount every invariant of the heap under its locks. Returns the number of faults found; each is
 * described in one line on stderr. Slow: for tests and debugging. */
int hak_check(void);

/* "0.1.0" */
const char *hak_version(void);

/* ---- Statistics: computed when they are asked for, never counted on the fast path ---- */

enum { HAK_LANE_TINY, HAK_LANE_POOL, HAK_LANE_ACE, HAK_LANE_HUGE, HAK_LANE_COUNT };

struct hak_lane_stats {
    uint64_t live_bytes; /* in blocks that the program holds, at the size of their class */
    uint64_t live_blocks;
    uint64_t cached_bytes; /* free blocks in thread caches and depots */
    uint64_t free_bytes;   /* free blocks in slabs that are in use */
};

/* The blocks that moved between thread caches and the lanes: a lower bound of the calls of malloc
 * and free, but for blocks that a cache took in advance. Exact for Huge blocks, which no cache
 * holds. Of owned heaps, only ACE and Huge blocks count. */
struct hak_lane_traffic {
    uint64_t refilled_blocks; /* blocks that caches took from depots and lanes, since the start */
    uint64_t flushed_blocks;  /* blocks that caches gave back */
};

struct hak_stats {
    struct hak_lane_stats lane[HAK_LANE_COUNT];
    uint64_t reserved_bytes; /* address space */
    uint64_t mapped_bytes;   /* superslabs in use: address space that can have pages */
    uint64_t warm_bytes;     /* free slabs that are kept, with their pages */
    uint64_t metadata_bytes; /* records, thread caches, tables */
    uint64_t purged_bytes;   /* given back to the kernel since the start */
    uint64_t threads;        /* threads with a cache */
    /* since version 2; zero if the library is older */
    uint64_t version;             /* HAK_STATS_VERSION of the library */
    uint64_t thread_cached_bytes; /* of cached_bytes, those in thread caches */
    uint64_t depot_bytes;         /* of cached_bytes, those in depots */
    uint64_t rounding_bytes;      /* 0 since version 5: sizes asked for are not recorded */
    uint64_t libc_calls;          /* calls handed over to libc */
    /* since version 3 */
    uint64_t huge_waste_bytes; /* the part of warm_bytes in huge pages that was never handed out */
    /* since version 4 */
    struct hak_lane_traffic traffic[HAK_LANE_COUNT];
};
#define HAK_STATS_VERSION 5
/* Fill `size` bytes of *out (sizeof *out at compile time). New fields are only added at the end,
 * and fields that the library does not know become zero. The figures of one class are consistent;
 * those of different classes may not be. */
void hak_stats(struct hak_stats *out, size_t size);
/* The figures by lane and size class as JSON text: at most size - 1 bytes of it, and a terminator,
 * as snprintf does. Returns the length of the whole text; it may be longer a moment later. */
size_t hak_stats_json(char *buffer, size_t size);

/* ---- Calls handed over to libc, by reason (HAKMEM_WRAP_DIAG=1 writes each) ---- */

enum hak_fb_reason {
    HAK_FB_FORCE_LIBC,      /* HAKMEM_FORCE_LIBC_ALLOC=1 */
    HAK_FB_FOREIGN_FREE,    /* free of a pointer that libc gave out */
    HAK_FB_FOREIGN_REALLOC, /* realloc of such a pointer */
    HAK_FB_FOREIGN_USABLE,  /* malloc_usable_size of such a pointer */
    HAK_FB_INIT_WAIT,       /* a call inside the allocator: at its start, or by a signal handler */
    HAK_FB_COUNT
};
extern uint64_t g_fb_counts[HAK_FB_COUNT]; /* read only */

/* ---- Owned heaps: their blocks can be freed all at once ---- */

/*
 * An owned heap has its own slabs and spans. Any thread may allocate from it; free() and realloc()
 * work for its blocks in any thread. To destroy a heap frees all its blocks: at that time no thread
 * may use the heap or one of its blocks. malloc is faster (a heap takes a lock), but a heap can be
 * destroyed fast.
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
