/* SPDX-License-Identifier: MIT */
/*
 * The sizes that several files share, with their static assertions, the borders of the lanes, and
 * the table of settings. A constant that concerns one file only is mostly defined in that file.
 */
#ifndef HAK_BASE_CONFIG_H
#define HAK_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

/* The report that a process leaves at exit (HAKMEM_REPORT): the bytes kept of its command line,
 * with the terminating zero; the name of the socket in the report directory through which the
 * command `hakmem run` may look at the process before it ends; and the seconds that the process
 * waits for this. */
#define REPORT_COMMAND_BYTES 200
#define REPORT_SOCKET_NAME "look"
#define REPORT_LOOK_SECONDS 10

/* The alignment of every block. */
#define BLOCK_ALIGN ((size_t)16)
#define CACHE_LINE ((size_t)64)

/* A superslab is the unit of address space: 2 MiB, so that one transparent huge page can back it. A
 * slab is the unit of the slab map. */
#define SLAB_SHIFT 16
#define SLAB_SIZE ((size_t)1 << SLAB_SHIFT)
#define SUPERSLAB_SHIFT 21
#define SUPERSLAB_SIZE ((size_t)1 << SUPERSLAB_SHIFT)
#define SLABS_PER_SUPERSLAB (SUPERSLAB_SIZE / SLAB_SIZE)
_Static_assert(SLABS_PER_SUPERSLAB == 32, "a superslab's masks are 32 bits");

/* The reservation is the range of addresses that the heap may use. It is mapped only as far as the
 * heap has grown. Its size is 1/RESERVATION_PART of the user's address space, and at most
 * RESERVATION_MAX. At first its tables cover RESERVATION_COVERED bytes of superslabs; they grow
 * with the heap. */
#define RESERVATION_MAX (32 * TIB)
#define RESERVATION_PART 4
/* The size of the reservation where a larger range is not free. */
#define RESERVATION_SMALL (256 * GIB)
#define RESERVATION_COVERED (16 * GIB)

/* The lanes: [0, TINY_MAX] [POOL_MIN, POOL_MAX] [ACE_MIN, ACE_MAX] [HUGE_MIN, PTRDIFF_MAX]. ACE is
 * the adaptive cache of extents. */
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

/* The head of the reservation: the bytes that the front layer owns, and the offset of the slab
 * map. */
#define RESERVATION_FRONT_BYTES ((size_t)4032)
#define SLAB_MAP_OFFSET (4 * KIB)
/* Metadata may take 1/META_SHARE of the reservation's addresses. It is mapped in steps of
 * META_STEP. */
#define META_SHARE 256
#define META_STEP (256 * KIB)

/* The unified cache: the most blocks and bytes that one bin may hold. Blocks up to BIN_SMALL_MAX
 * count as small. */
#define BIN_SLOTS_MAX 1024
#define BIN_BYTES_MAX (64 * KIB)
#define BIN_SMALL_MAX (4 * KIB)
/* The largest block that a bin may hold. */
#define BIN_BLOCK_MAX (512 * KIB)

/* With more threads than this, most threads are asleep. Each thread's share is halved then, so that
 * all thread caches and the depots together stay within CACHES_TOTAL_MAX. */
#define CROWD_THREADS 128
/* Each thread may keep this much, however many threads there are. */
#define THREAD_CACHE_MIN (16 * KIB)
/* A bin grows beyond this many slots only in a thread that also allocates from it. */
#define BIN_SLOTS_UNUSED 32
/* The most bytes that a refill fetches, and that a thread keeps of a class from which it only
 * frees. 16 KiB amortise a slow path, unless its lock is contended. */
#define BATCH_BYTES (16 * KIB)
#define BATCH_BLOCKS_MIN 4

/* The depot: the blocks of a batch, and the most batches kept for each class. */
#define BATCH_BLOCKS 64
#define DEPOT_BATCHES_MAX 256
/* The most bytes in the batches of one class; one batch is always allowed. The bound is divided by
 * 1 + threads / DEPOT_THREADS, so that the depots stay small beside the caches of many threads. */
#define DEPOT_BYTES_MAX (512 * KIB)
#define DEPOT_THREADS 32
/* Larger blocks bypass the depot and go to their slabs. The time for that is small beside the time
 * that a program needs to use such a block. */
#define DEPOT_BLOCK_MAX (8 * KIB)

/*
 * Settings: X(field, NAME, kind, default, min, max, help).
 *
 * Kinds: FLAG (0 or 1), NUMBER, BYTES (K, M or G may follow), MILLIS (-1 is never), PREFAULT (0, 1,
 * 2 or auto), PAGES (off, auto or always; 0, 1 or 2 stand for these), CHOICE (0, 1 or auto), WHEN
 * (exit or interval; 0 for neither), TEXT (a path; default, min and max do not apply). BYTES whose
 * minimum is below 0 can also be a percentage, which is stored as a negative number.
 *
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
    X(profile, "PROFILE", FLAG, 0, 0, 1, "sample allocations, with their call stacks")             \
    X(profile_interval, "PROFILE_INTERVAL", BYTES, 512 * KIB, 1, TIB,                              \
      "mean bytes allocated between two samples; 1 samples every block")                           \
    X(profile_memory, "PROFILE_MEMORY", BYTES, 16 * MIB, 0, 16 * GIB,                              \
      "most memory that samples and their stacks may take; at least 256K")                         \
    X(library, "LIBRARY", TEXT, 0, 0, 0,                                                           \
      "libhakmem.so that the command hakmem preloads; the library ignores it")

/* The settings that may change while the process runs (`hakmem set`). Slow paths read them each
 * time. `limit` must be the last: pressure.c applies a change of it, since the room follows from
 * it. */
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
