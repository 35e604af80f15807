/* SPDX-License-Identifier: MIT */
/*
 * Every compile-time size of the allocator with its static assertions, the lanes' borders, and the
 * one table of settings. Changing a number here is the whole change; nothing else repeats it.
 */
#ifndef HAK_BASE_CONFIG_H
#define HAK_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

/* The report that a process leaves at exit (HAKMEM_REPORT): so much of its command line, with the
 * end; and the socket beside it whose owner may look at the process once more, for so long. */
#define REPORT_COMMAND_BYTES 200
#define REPORT_SOCKET_NAME "look"
#define REPORT_LOOK_SECONDS 10

/* Blocks: alignment of every pointer we hand out. */
#define BLOCK_ALIGN ((size_t)16)
#define CACHE_LINE ((size_t)64)

/* Slabs and superslabs. A superslab is the unit of address space, 2 MiB so that one transparent
 * huge page can back it; a slab is the unit of the slab map. */
#define SLAB_SHIFT 16
#define SLAB_SIZE ((size_t)1 << SLAB_SHIFT)
#define SUPERSLAB_SHIFT 21
#define SUPERSLAB_SIZE ((size_t)1 << SUPERSLAB_SHIFT)
#define SLABS_PER_SUPERSLAB (SUPERSLAB_SIZE / SLAB_SIZE)
_Static_assert(SLABS_PER_SUPERSLAB == 32, "a superslab's masks are 32 bits");

/* The reservation is a window of addresses, mapped as far as the heap has grown. It is a part of
 * the user's address space, and no more than RESERVATION_MAX; at first its tables cover
 * RESERVATION_COVERED bytes of it, and more as the heap grows. */
#define RESERVATION_MAX (32 * TIB)
#define RESERVATION_PART 4
/* The window where the larger one cannot be had. */
#define RESERVATION_SMALL (256 * GIB)
#define RESERVATION_COVERED (16 * GIB)

/* The lanes: [0, TINY_MAX] [POOL_MIN, POOL_MAX] [ACE_MIN, ACE_MAX] [HUGE_MIN, PTRDIFF_MAX]. */
#define LANE_TINY_MAX ((size_t)1024)
#define LANE_POOL_MIN (LANE_TINY_MAX + 1)
#define LANE_POOL_MAX (52 * KIB)
#define LANE_ACE_MIN (LANE_POOL_MAX + 1)
#define LANE_ACE_MAX (2 * MIB)
#define LANE_HUGE_MIN (LANE_ACE_MAX + 1)
#define LANE_HUGE_MAX ((size_t)PTRDIFF_MAX)
_Static_assert(LANE_POOL_MIN == LANE_TINY_MAX + 1 && LANE_ACE_MIN == LANE_POOL_MAX + 1 &&
                   LANE_HUGE_MIN == LANE_ACE_MAX + 1,
               "no gap between lanes");
_Static_assert(LANE_ACE_MAX <= SUPERSLAB_SIZE, "an ACE span fits in one superslab");

/* The head of the reservation: what the front layer keeps there, and where the slab map starts. */
#define RESERVATION_FRONT_BYTES ((size_t)4032)
#define SLAB_MAP_OFFSET (4 * KIB)
/* Metadata may take this part of the reservation's addresses. It is mapped in steps. */
#define META_SHARE 256
#define META_STEP (256 * KIB)

/* The unified cache: what one bin may hold at most. */
#define BIN_SLOTS_MAX 1024
#define BIN_BYTES_MAX (64 * KIB)
#define BIN_SMALL_MAX (4 * KIB)
/* The largest block that a bin holds at all. */
#define BIN_BLOCK_MAX (512 * KIB)

/* Where there are more threads than this, most are asleep: the share of each is halved, so that all
 * of them and the depots stay within the total. */
#define CROWD_THREADS 128
/* However many threads there are, each may keep this much. */
#define THREAD_CACHE_MIN (16 * KIB)
/* A bin grows beyond this only in a thread that also allocates from it. */
#define BIN_SLOTS_UNUSED 32
/* What a refill brings at most, and a thread holds of blocks that it only frees: so many bytes make
 * up for a slow path, but for a lock that has to come from another processor. */
#define BATCH_BYTES (16 * KIB)
#define BATCH_BLOCKS_MIN 4

/* The depot: blocks in a batch, and full batches kept for each class. */
#define BATCH_BLOCKS 64
#define DEPOT_BATCHES_MAX 256
/* Bytes that they may come to, but for a single batch; less where so many threads and more have
 * caches of their own, since all of it together is to stay within bounds. */
#define DEPOT_BYTES_MAX (512 * KIB)
#define DEPOT_THREADS 32
/* Larger blocks go to their slabs: that takes no time beside their use. */
#define DEPOT_BLOCK_MAX (8 * KIB)

/*
 * Settings: X(field, NAME, kind, default, min, max, help).
 * Kinds: FLAG (0 or 1), NUMBER, BYTES (with K, M or G), MILLIS (-1 is never), PREFAULT (0, 1, 2 or
 * auto), PAGES (off, auto or always; 0, 1 or 2 for these), CHOICE (0, 1 or auto), WHEN (exit or
 * interval, 0 for neither), TEXT (a path; default, min and max do not apply).
 * The environment variable is HAKMEM_NAME.
 */
enum setting_kind {
    KIND_FLAG,
    KIND_NUMBER,
    KIND_BYTES,
    KIND_MILLIS,
    KIND_PREFAULT,
    KIND_PAGES,
    KIND_CHOICE,
    KIND_WHEN,
    KIND_TEXT
};

#define WHEN_NEVER 0
#define WHEN_EXIT 1
#define WHEN_INTERVAL 2

#define HUGE_PAGES_OFF 0
#define HUGE_PAGES_AUTO 1
#define HUGE_PAGES_ALWAYS 2

#define PREFAULT_OFF 0
#define PREFAULT_POPULATE 1
#define PREFAULT_TOUCH 2
#define PREFAULT_AUTO 3

#define CHOICE_NO 0
#define CHOICE_YES 1
#define CHOICE_AUTO 2

#define HAK_SETTINGS(X)                                                                            \
    X(force_libc_alloc, "FORCE_LIBC_ALLOC", FLAG, 0, 0, 1, "send every call to libc's allocator")  \
    X(bench_fast_mode, "BENCH_FAST_MODE", FLAG, 0, 0, 1,                                           \
      "for benchmarks: no checks of bins for misuse, no decay")                                    \
    X(wrap_diag, "WRAP_DIAG", FLAG, 0, 0, 1,                                                       \
      "write each call handed over to libc, and the counts at exit")                               \
    X(ss_prefault, "SS_PREFAULT", PREFAULT, PREFAULT_AUTO, 0, 3,                                   \
      "make pages present ahead: 0 no, 1 by a system call, 2 by touching, auto")                   \
    X(huge_pages, "HUGE_PAGES", PAGES, HUGE_PAGES_AUTO, 0, 2,                                      \
      "huge pages: off, auto (ranges of a grown heap) or always (from the first on)")              \
    X(tiny_refill_batch_size, "TINY_REFILL_BATCH_SIZE", NUMBER, 64, 1, BATCH_BLOCKS,               \
      "most blocks moved by one refill of a thread cache")                                         \
    X(thread_cache_max, "THREAD_CACHE_MAX", BYTES, 4 * MIB, 0, GIB,                                \
      "most bytes one thread cache may hold")                                                      \
    X(caches_total_max, "CACHES_TOTAL_MAX", BYTES, 16 * MIB, 0, TIB,                               \
      "most bytes that all thread caches may hold, shared evenly")                                 \
    X(ss_cache_max, "SS_CACHE_MAX", BYTES, 1 * GIB, 0, TIB,                                        \
      "most bytes of free slabs kept backed by pages (warm pool)")                                 \
    X(decay_ms, "DECAY_MS", MILLIS, 1000, -1, 3600000,                                             \
      "age at which free pages go back to the kernel; 0 at once, -1 never")                        \
    X(limit, "LIMIT", BYTES, 0, -100, TIB,                                                         \
      "most memory before malloc fails: bytes, or % of the control group's limit")                 \
    X(background, "BACKGROUND", CHOICE, CHOICE_AUTO, 0, 2,                                         \
      "1: a thread gives free pages back while the program is idle; auto is 0")                    \
    X(plain_calls, "PLAIN_CALLS", FLAG, 0, 0, 1,                                                   \
      "make only the system calls of a plain malloc, as under a seccomp filter")                   \
    X(report, "REPORT", TEXT, 0, 0, 0,                                                             \
      "directory in which each process leaves its report at exit")                                 \
    X(stats, "STATS", WHEN, WHEN_NEVER, 0, 2, "when to write the figures to standard error")       \
    X(metrics, "METRICS", TEXT, 0, 0, 0,                                                           \
      "file kept up to date with OpenMetrics text; %p is the process ID")                          \
    X(interval_ms, "INTERVAL_MS", NUMBER, 5000, 100, 3600000,                                      \
      "milliseconds between two writings of STATS=interval and METRICS")                           \
    X(library, "LIBRARY", TEXT, 0, 0, 0,                                                           \
      "libhakmem.so that the command hakmem preloads; the library ignores it")

/* Those that may change while the process runs (`hakmem set`): numbers that slow paths read each
 * time. The limit is the last: limit.c has to be told of it. */
#define HAK_LIVE_SETTINGS(X)                                                                       \
    X(wrap_diag)                                                                                   \
    X(ss_prefault)                                                                                 \
    X(huge_pages)                                                                                  \
    X(tiny_refill_batch_size)                                                                      \
    X(thread_cache_max)                                                                            \
    X(caches_total_max)                                                                            \
    X(ss_cache_max)                                                                                \
    X(decay_ms)                                                                                    \
    X(interval_ms)                                                                                 \
    X(limit)

#endif
