/* SPDX-License-Identifier: MIT */
/*
 * The calls of a real program, played again from the trace FILE that `hakmem record` wrote
 * (trace.h), ROUNDS times. Each thread of the trace is a thread here, started when its first window
 * opens. Blocks are touched as a program would, and checked before they are resized or freed. What
 * the trace leaves live stays live, as in the program, and is freed between rounds, untimed.
 *
 * A trace of one thread is played straight from the file, one of more is first split into a stream
 * for each. What has been read is dropped from memory on the way, so that RSS is the allocator's.
 */
#include "replay.h"

#include <linux/futex.h>
#include <malloc.h>
#include <sched.h>
#include <sys/syscall.h>

enum { ROUNDS, TOUCH, PARAMS };
enum { TOUCH_PAGES, TOUCH_ENDS, TOUCH_ALL };
enum { SPINS = 100 };

/* ---- Blocks ---- */

static inline unsigned char mark_of(uint64_t slot)
{
    return (unsigned char)(slot * 37 + 1);
}

static void touch(const struct trace *trace, unsigned char *block, struct trace_record *record,
                  size_t from)
{
    size_t size = record->value;
    unsigned char mark = mark_of(record->slot);
    if (size == 0) {
        return;
    }
    if (trace->touch == TOUCH_ALL) {
        memset(block + from, mark, size - from);
    } else if (trace->touch == TOUCH_PAGES && from < size) {
        harness_touch(block, from, size, mark);
    }
    block[0] = mark;
    block[size - 1] = mark;
}

static void check(const unsigned char *block, uint64_t slot, size_t last, unsigned char mark)
{
    if (block[0] != mark || block[last] != mark) {
        harness_fail(1, "the block of slot %ju was overwritten", (uintmax_t)slot);
    }
}

static void check_zero(const unsigned char *block, size_t size)
{
    unsigned char found = 0;
    for (size_t i = 0; i < size; i += HARNESS_PAGE) {
        found |= block[i];
    }
    if (size > 0 && (found | block[size - 1]) != 0) {
        harness_fail(1, "calloc gave %zu bytes that are not zero", size);
    }
}

static void fill_slot(struct trace *trace, struct trace_record *record, unsigned char *block)
{
    struct slot *slot = &trace->slots[record->slot];
    slot->size = record->value;
    atomic_store_explicit(&slot->block, block, memory_order_release);
}

/* The slot's block, which may still be another thread's to allocate; the slot is empty then. */
static unsigned char *empty_slot(struct slot *slot)
{
    unsigned char *block;
    for (unsigned i = 1; !(block = atomic_load_explicit(&slot->block, memory_order_acquire)); i++) {
        if (i > SPINS) {
            sched_yield();
        }
    }
    atomic_store_explicit(&slot->block, NULL, memory_order_relaxed);
    return block;
}

static void add_block(struct trace *trace, struct trace_record *record)
{
    size_t size = record->value;
    void *block = NULL;
    if (record->op == TRACE_MALLOC) {
        block = malloc(size);
    } else if (record->op == TRACE_CALLOC) {
        block = calloc(1, size);
        check_zero(harness_need(block, size), size);
    } else {
        block = memalign((size_t)1 << record->shift, size);
    }
    unsigned char *bytes = harness_need(block, size);
    touch(trace, bytes, record, 0);
    fill_slot(trace, record, bytes);
}

static void resize_block(struct trace *trace, struct trace_record *record)
{
    struct slot *slot = &trace->slots[record->old];
    unsigned char *block = empty_slot(slot);
    size_t size = record->value;
    size_t old_size = slot->size;
    size_t kept = old_size < size ? old_size : size;
    unsigned char mark = mark_of(record->old);
    if (old_size > 0) {
        check(block, record->old, old_size - 1, mark);
    }
    block = harness_need(realloc(block, size), size);
    if (kept > 0) {
        check(block, record->old, kept == old_size ? kept - 1 : 0, mark);
    }
    touch(trace, block, record, kept);
    fill_slot(trace, record, block);
}

static void free_block(struct trace *trace, uint64_t number)
{
    struct slot *slot = &trace->slots[number];
    unsigned char *block = empty_slot(slot);
    if (slot->size > 0) {
        check(block, number, slot->size - 1, mark_of(number));
    }
    free(block);
}

/* ---- Windows ---- */

static void futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
    syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void await(_Atomic uint32_t *word, uint32_t wanted)
{
    for (uint32_t seen; (seen = atomic_load(word)) < wanted;) {
        futex(word, FUTEX_WAIT, seen);
    }
}

static void announce(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    futex(word, FUTEX_WAKE, 1);
}

static void *play_thread(void *argument);

static void open_window(struct trace *trace, size_t window)
{
    for (size_t i = trace->windows[window].first; i < trace->windows[window + 1].first; i++) {
        struct player *player = &trace->players[trace->participants[i]];
        pthread_t thread;
        bool is_new = player->first_window == window && player != trace->players;
        announce(&player->open, (uint32_t)window + 1);
        if (is_new) {
            harness_start(&thread, play_thread, player);
            pthread_detach(thread);
        }
    }
}

/* The last of a window's threads opens the next one, and touches no player after the last. */
static void end_window(struct trace *trace, size_t window)
{
    if (atomic_fetch_sub(&trace->windows[window].playing, 1) != 1) {
        return;
    }
    if (window + 1 < trace->window_count) {
        open_window(trace, window + 1);
    } else {
        announce(&trace->is_done, 1);
    }
}

/* ---- Playing ---- */

static void play_record(struct trace *trace, struct trace_record *record)
{
    switch (record->op) {
    case TRACE_MALLOC:
    case TRACE_CALLOC:
    case TRACE_ALIGNED: add_block(trace, record); break;
    case TRACE_REALLOC: resize_block(trace, record); break;
    case TRACE_FREE: free_block(trace, record->value); break;
    default: break;
    }
}

static void play(struct player *player)
{
    struct trace *trace = player->trace;
    const unsigned char *at = player->stream;
    const unsigned char *dropped = at;
    size_t window = player->first_window;
    struct trace_record record;
    while (at < player->end) {
        at = trace_read(at, &record);
        if (record.op == TRACE_WINDOW && trace->windows && record.value != window) {
            end_window(trace, window);
            window = record.value;
            await(&player->open, (uint32_t)window + 1);
        }
        play_record(trace, &record);
        if (at - dropped > REPLAY_DROP_BYTES) {
            dropped = drop(dropped, at);
        }
    }
    drop(dropped, at);
    if (trace->windows) {
        end_window(trace, window);
    }
}

static void *play_thread(void *argument)
{
    play(argument);
    return NULL;
}

static double play_round(struct trace *trace)
{
    atomic_store(&trace->is_done, 0);
    for (size_t i = 0; i < trace->window_count; i++) {
        size_t count = trace->windows[i + 1].first - trace->windows[i].first;
        atomic_store(&trace->windows[i].playing, (uint32_t)count);
    }
    double start = harness_now();
    if (trace->windows) {
        open_window(trace, 0);
    }
    play(&trace->players[0]);
    if (trace->windows) {
        await(&trace->is_done, 1);
    }
    return harness_now() - start;
}

static void free_rest(struct trace *trace)
{
    for (uint64_t i = 0; i < trace->header->slots; i++) {
        if (atomic_load(&trace->slots[i].block)) {
            free_block(trace, i);
        }
    }
}

/* ---- Start and end ---- */

static void load(struct trace *trace)
{
    replay_map(trace);
    const struct trace_header *header = trace->header;
    /* each thread and each slot has a record, and a record has two bytes or more */
    if (header->threads > header->used || header->slots > header->used) {
        fail_damaged(trace, trace->records);
    }
    size_t threads = header->threads ? header->threads : 1;
    trace->players = harness_map(threads * sizeof *trace->players);
    trace->slots = harness_map(header->slots * sizeof *trace->slots);
    size_t bytes = header->slots * sizeof(uint32_t);
    uint32_t *slots = harness_map(bytes);
    for (size_t i = 0; i < threads; i++) {
        trace->players[i].trace = trace;
    }
    replay_count(trace, slots);
    munmap(slots, bytes ? bytes : 1);
    if (threads > 1) {
        replay_split(trace);
    } else {
        trace->players[0].stream = trace->records;
        trace->players[0].end = trace->end;
        trace->window_count = 0;
    }
}

/* Peak RSS counts from here, where the kernel lets us. */
static void reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "5", 1);
        close(fd);
    }
}

static uint64_t say_counts(const struct trace *trace)
{
    const uint64_t *counts = trace->counts;
    uint64_t calls = 0;
    for (unsigned op = TRACE_MALLOC; op <= TRACE_FREE; op++) {
        calls += counts[op];
    }
    harness_say(
        "%ju malloc, %ju calloc, %ju aligned, %ju realloc, %ju free; %ju threads, %ju slots\n",
        (uintmax_t)counts[TRACE_MALLOC], (uintmax_t)counts[TRACE_CALLOC],
        (uintmax_t)counts[TRACE_ALIGNED], (uintmax_t)counts[TRACE_REALLOC],
        (uintmax_t)counts[TRACE_FREE], (uintmax_t)trace->header->threads,
        (uintmax_t)trace->header->slots);
    return calls;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [ROUNDS] = {"ROUNDS", 1, 1, 1000000, {0}},
        [TOUCH] = {"TOUCH", TOUCH_PAGES, 0, 0, {"pages", "ends", "all"}},
    };
    bool asks_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (asks_help) {
        harness_say("FILE, a trace of hakmem record, is the first argument; the others:\n");
    } else if (argc < 2) {
        harness_fail(2, "no trace given (see --help)");
    }
    harness_parse(asks_help ? argc : argc - 1, asks_help ? argv : argv + 1, params, PARAMS);
    struct trace trace = {.path = argv[1], .touch = params[TOUCH].value};
    load(&trace);
    uint64_t calls = say_counts(&trace);
    reset_peak();
    double seconds = 0;
    for (uint64_t round = 0; round < params[ROUNDS].value; round++) {
        if (round > 0) {
            free_rest(&trace);
        }
        seconds += play_round(&trace);
    }
    harness_result("replay", calls * params[ROUNDS].value, seconds);
    return 0;
}
