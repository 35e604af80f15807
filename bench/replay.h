/* SPDX-License-Identifier: MIT */
/*
 * A trace (trace.h) in memory, ready for replay.c. It has been checked from start to end, so the
 * replay needs no checks. If it has several threads, it is split into a stream for each. All of it
 * is mapped from files, so the parts that have been read can be dropped from memory.
 */
#ifndef HAK_BENCH_REPLAY_H
#define HAK_BENCH_REPLAY_H

#include "harness.h"
#include "trace.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>

#define REPLAY_DROP_BYTES ((ptrdiff_t)1 << 18)
#define SHIFT_END 40 /* alignments must be smaller than 2 to this power */
#define SLOT_FULL UINT32_MAX

/* The block of a slot; NULL while it is empty. `size` belongs to the thread that has the block,
 * which reads `block` first. */
struct slot {
    _Atomic(unsigned char *) block;
    size_t size;
};

/* One thread of the trace. It may play the windows below `open`. */
struct player {
    struct trace *trace;
    const unsigned char *stream;
    const unsigned char *end;
    unsigned char *write; /* used while the stream is made */
    size_t bytes;         /* length of the stream, known before it is made */
    size_t windows_seen;  /* while loading: 1 plus the last window in which it had a record */
    size_t first_window;
    _Atomic uint32_t open;
};

/* A window. The threads with records in it are participants[first] up to the next window's
 * first. */
struct window {
    size_t first;
    _Atomic uint32_t playing; /* threads that have not ended it */
};

struct trace {
    const char *path;
    const struct trace_header *header; /* the header; the records follow it in the mapping */
    const unsigned char *records;
    const unsigned char *end;
    struct slot *slots;
    struct player *players;
    struct window *windows; /* NULL if there is one thread */
    uint32_t *participants;
    unsigned char *streams;
    unsigned char *streams_end;
    size_t participant_count;
    size_t window_count;
    uint64_t touch; /* how replay.c touches blocks */
    uint64_t counts[TRACE_OPS];
    _Atomic uint32_t is_done;
};

/* Drop the pages of a file that have been read. Returns where the next ones begin. */
static inline const unsigned char *drop(const unsigned char *from, const unsigned char *to)
{
    uintptr_t first = ((uintptr_t)from + HARNESS_PAGE - 1) & ~(uintptr_t)(HARNESS_PAGE - 1);
    uintptr_t last = (uintptr_t)to & ~(uintptr_t)(HARNESS_PAGE - 1);
    if (first < last) {
        madvise((void *)first, last - first, MADV_DONTNEED);
    }
    return to;
}

/* ---- The file ---- */

static inline _Noreturn void fail_trace(const struct trace *trace, const char *fault)
{
    harness_fail(2, "%s: %s", trace->path, fault);
}

static inline void replay_map(struct trace *trace)
{
    struct stat status;
    int fd = open(trace->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        fail_trace(trace, strerror(errno));
    }
    if (!S_ISREG(status.st_mode) || status.st_size < TRACE_HEADER_BYTES) {
        fail_trace(trace, "not a trace of hakmem record");
    }
    size_t size = (size_t)status.st_size;
    /* a page of zeros after the file ends a record that is cut off */
    unsigned char *map = mmap(NULL, size + HARNESS_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                              0);
    if (map == MAP_FAILED ||
        mmap(map, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        fail_trace(trace, strerror(errno));
    }
    close(fd);
    trace->header = (const struct trace_header *)(void *)map;
    if (memcmp(trace->header->magic, TRACE_MAGIC, sizeof TRACE_MAGIC) != 0) {
        fail_trace(trace, "not a trace of hakmem record");
    }
    if (trace->header->version != TRACE_VERSION) {
        harness_fail(2, "%s: a trace of version %u, expected %u", trace->path,
                     trace->header->version, TRACE_VERSION);
    }
    if (trace->header->used > size - TRACE_HEADER_BYTES) {
        harness_fail(2, "%s: cut off: %zu of %ju bytes of records", trace->path,
                     size - TRACE_HEADER_BYTES, (uintmax_t)trace->header->used);
    }
    trace->records = map + TRACE_HEADER_BYTES;
    trace->end = trace->records + trace->header->used;
}

static inline _Noreturn void fail_damaged(const struct trace *trace, const unsigned char *at)
{
    harness_fail(2, "%s: damaged at byte %ju", trace->path,
                 (uintmax_t)(at - trace->records) + TRACE_HEADER_BYTES);
}

/* The walk through the records, in their order. */
struct walk {
    struct trace *trace;
    struct player *player;
    const unsigned char *at;
    const unsigned char *dropped;
    size_t size;        /* of the record before `at` */
    size_t window;      /* windows without records do not count */
    bool is_window_due; /* the next record opens a window */
};

static inline struct walk walk_start(struct trace *trace)
{
    return (struct walk){
        .trace = trace, .player = trace->players, .at = trace->records, .dropped = trace->records};
}

/* May the record follow those before? For each slot `slots` has a number: SLOT_FULL, or how many
 * windows had been opened when it was emptied, or 0. Without these rules, threads could wait for
 * each other for ever. */
static inline bool fits(const struct walk *walk, const struct trace_record *record, uint32_t *slots)
{
    const struct trace_header *header = walk->trace->header;
    uint64_t emptied = record->op == TRACE_FREE ? record->value : record->old;
    uint32_t window = (uint32_t)walk->window + walk->is_window_due;
    if (record->op == TRACE_THREAD) {
        return record->value < header->threads && window > 0;
    }
    if (record->op == TRACE_FREE || record->op == TRACE_REALLOC) {
        if (emptied >= header->slots || slots[emptied] != SLOT_FULL) {
            return false;
        }
        slots[emptied] = window;
    }
    if (record->op <= TRACE_REALLOC) {
        if (record->slot >= header->slots || record->shift >= SHIFT_END ||
            slots[record->slot] == SLOT_FULL || (window > 0 && slots[record->slot] == window)) {
            return false;
        }
        slots[record->slot] = SLOT_FULL;
    }
    return record->op != TRACE_NONE;
}

/* Read the record of the next call. False at the end. */
static inline bool walk_next(struct walk *walk, struct trace_record *record, uint32_t *slots)
{
    struct trace *trace = walk->trace;
    while (walk->at < trace->end) {
        const unsigned char *from = walk->at;
        walk->at = trace_read(from, record);
        walk->size = (size_t)(walk->at - from);
        if (walk->at > trace->end || (slots && !fits(walk, record, slots))) {
            fail_damaged(trace, from);
        }
        if (walk->at - walk->dropped > REPLAY_DROP_BYTES) {
            walk->dropped = drop(walk->dropped, from);
        }
        if (record->op == TRACE_THREAD) {
            walk->player = &trace->players[record->value];
        } else if (record->op == TRACE_WINDOW) {
            walk->is_window_due = walk->at > trace->records + walk->size;
        } else {
            walk->window += walk->is_window_due;
            walk->is_window_due = false;
            return true;
        }
    }
    return false;
}

static inline unsigned char *put_window(unsigned char *at, size_t window)
{
    return trace_put(at, (uint64_t)window << TRACE_OP_BITS | TRACE_WINDOW);
}

/* Check and count: calls by kind, and the bytes and windows of each thread. */
static inline void replay_count(struct trace *trace, uint32_t *slots)
{
    struct walk walk = walk_start(trace);
    struct trace_record record;
    unsigned char scratch[TRACE_RECORD_MAX];
    while (walk_next(&walk, &record, slots)) {
        struct player *player = walk.player;
        trace->counts[record.op]++;
        player->bytes += walk.size;
        if (player->windows_seen == walk.window + 1) {
            continue;
        }
        if (player->windows_seen == 0) {
            player->first_window = walk.window;
        }
        player->windows_seen = walk.window + 1;
        player->bytes += (size_t)(put_window(scratch, walk.window) - scratch);
        trace->participant_count++;
    }
    trace->window_count = walk.window + 1;
    drop(walk.dropped, trace->end);
    if (trace->end > trace->records &&
        (trace->players[0].bytes == 0 || trace->players[0].first_window != 0)) {
        fail_damaged(trace, trace->records);
    }
}

/* Map a separate file for the streams, so that its pages can be dropped too. */
static inline void replay_map_streams(struct trace *trace)
{
    size_t bytes = HARNESS_PAGE;
    for (uint64_t i = 0; i < trace->header->threads; i++) {
        bytes += trace->players[i].bytes;
    }
    int fd = memfd_create("streams", MFD_CLOEXEC);
    unsigned char *map = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)bytes) == 0) {
        map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (map == MAP_FAILED) {
        harness_fail(1, "no %zu bytes for bookkeeping", bytes);
    }
    close(fd);
    trace->streams = map;
    trace->streams_end = map + bytes;
    for (uint64_t i = 0; i < trace->header->threads; i++) {
        struct player *player = &trace->players[i];
        player->stream = player->write = map;
        player->end = map += player->bytes;
        player->windows_seen = 0;
    }
}

/* Make a stream for each thread: its records, and before those of each window a WINDOW with the
 * window's number. */
static inline void replay_split(struct trace *trace)
{
    struct walk walk = walk_start(trace);
    struct trace_record record;
    size_t count = 0;
    size_t opened = 0;
    replay_map_streams(trace);
    trace->windows = harness_map((trace->window_count + 1) * sizeof *trace->windows);
    trace->participants = harness_map(trace->participant_count * sizeof *trace->participants);
    while (walk_next(&walk, &record, NULL)) {
        struct player *player = walk.player;
        for (; opened <= walk.window; opened++) {
            trace->windows[opened].first = count;
        }
        if (player->windows_seen != walk.window + 1) {
            player->windows_seen = walk.window + 1;
            player->write = put_window(player->write, walk.window);
            trace->participants[count++] = (uint32_t)(player - trace->players);
        }
        memcpy(player->write, walk.at - walk.size, walk.size);
        player->write += walk.size;
    }
    trace->windows[trace->window_count].first = count;
    drop(walk.dropped, trace->end);
    drop(trace->streams, trace->streams_end);
}

#endif
