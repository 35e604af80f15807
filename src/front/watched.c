/* SPDX-License-Identifier: MIT */
/*
 * Owns the watching of threads: it begins and ends for all of them at once, by a bit in the bottoms
 * of their bins, and a cache that is made later is watched from its start. A thread that allocates
 * without a cache is counted too. Owns also how long profiling is on for the command and for
 * tracers of the probes, which may end without a word. May never allocate, and never hold a lock
 * while a stack is walked.
 */
#include "front/watched.h"
#include "front/owned_heap.h"
#include "front/request.h"

state_data struct lock watched_lock;

__thread uint32_t watched_label;

/* ---- blocks ---- */

static unsigned byte_of(const void *block)
{
    struct reservation *base = reservation_get();
    return slab_map_get(base, reservation_offset(base, block));
}

static size_t usable_bytes(const void *block)
{
    size_t size = size_classes[byte_of(block)].size;
    return size > 0 ? size : slab_find(block)->size;
}

static uint32_t own_number(void)
{
    struct thread_cache *cache = thread_cache_own();
    return cache ? cache->thread_id : 0;
}

static __attribute__((noinline)) uint32_t own_stack(void)
{
    struct stack_registers registers;
    uint64_t frames[PROFILE_DEPTH];
    stack_capture(&registers);
    size_t depth = stack_walk(&registers, frames, PROFILE_DEPTH);
    uint32_t stack = depth > 0 ? stack_intern(profile.stacks, frames, depth) : 0;
    return stack ? stack : PROFILE_NO_STACK;
}

/* ---- the command's lease ---- */

/* Purpose: when the command has last written its lease. Any thread that samples. */
static struct {
    _Atomic uint32_t seen;
    _Atomic uint64_t seen_ms; /* by os_now_ms; written first */
} lease;

static void renew(uint32_t number, uint64_t now)
{
    atomic_store_explicit(&lease.seen_ms, now, memory_order_relaxed);
    /* release: a thread that sees the number sees a time that is not older */
    atomic_store_explicit(&lease.seen, number, memory_order_release);
}

/* Asked with each sample of the command's profiling, so that it costs nothing. */
static bool has_lapsed(void)
{
    uint64_t now = os_now_ms();
    uint32_t number = atomic_load_explicit(&requests.profile_lease, memory_order_relaxed);
    if (number != atomic_load_explicit(&lease.seen, memory_order_acquire)) {
        renew(number, now);
        return false;
    }
    return now > atomic_load_explicit(&lease.seen_ms, memory_order_relaxed) + REQUEST_LEASE_MS;
}

static void stop_locked(enum profile_client client)
{
    profile_end(client);
    thread_cache_watch_all();
}

/* Asked again under the lock: another command may have begun meanwhile. */
static noinline_cold void end_lapsed(void)
{
    lock_acquire(&watched_lock);
    if (profile_is_on_for(PROFILE_BY_COMMAND) && has_lapsed())
        stop_locked(PROFILE_BY_COMMAND);
    lock_release(&watched_lock);
}

/* ---- samples ---- */

static noinline_cold void sample(const void *block, size_t usable, size_t size)
{
    struct profile_event event = {.block = block,
                                  .size = usable,
                                  .requested = size,
                                  .stack = own_stack(),
                                  .label = watched_label,
                                  .thread = own_number()};
    if (byte_of(block) == CLASS_OWNED)
        owned_heap_note_sample(block);
    profile_add(&event);
    if (unlikely(profile_is_on_for(PROFILE_BY_COMMAND)) && has_lapsed())
        end_lapsed();
}

noinline_cold void *watched_note_on(void *block, size_t size)
{
    static __thread struct sampling without_cache __attribute__((tls_model("initial-exec")));
    struct thread_cache *cache = thread_cache_own();
    struct sampling *state = cache ? &cache->sampling : &without_cache;
    if (sampling_hits(state, size, atomic_load_explicit(&profile.interval, memory_order_relaxed)))
        sample(block, usable_bytes(block), size);
    return block;
}

unsigned watched_forget(unsigned byte, const void *block)
{
    if (is_block_class(byte) || is_ace_class(byte))
        return byte;
    byte = watched_byte(byte, block); /* before: the block keeps its slab */
    profile_forget(block);
    return byte;
}

/* ---- all threads ---- */

static _Atomic bool is_starting_stacks;

/* The caller may be anything that allocates: the loader with its locks held, or a signal handler.
 * stack_start reads the loader's list of files without a lock, and asks _dl_find_object, which
 * takes none; where that is missing it asks the kernel. So it waits for nobody, and two calls are
 * kept apart without a wait too: of two threads one is enough. */
static void start_stacks(void)
{
    if (atomic_exchange_explicit(&is_starting_stacks, true, memory_order_acquire))
        return;
    stack_start();
    atomic_store_explicit(&is_starting_stacks, false, memory_order_release);
}

bool watched_start(enum profile_client client, uint64_t interval)
{
    if (interval == 0)
        interval = (uint64_t)settings.profile_interval;
    start_stacks();
    lock_acquire(&watched_lock);
    bool is_made = profile_make((size_t)settings.profile_memory);
    if (is_made) {
        profile_begin(client, interval);
        thread_cache_watch_all();
    }
    lock_release(&watched_lock);
    return is_made;
}

void watched_stop(enum profile_client client)
{
    lock_acquire(&watched_lock);
    stop_locked(client);
    lock_release(&watched_lock);
}

bool watched_serve(uint64_t interval)
{
    if (interval == 0) {
        watched_stop(PROFILE_BY_COMMAND);
        return true;
    }
    uint64_t now = os_now_ms();
    if (now == 0) /* under a filter there may be no clock, and a lease without an end */
        return false;
    renew(atomic_load_explicit(&requests.profile_lease, memory_order_relaxed), now);
    return watched_start(PROFILE_BY_COMMAND, interval);
}

/* No lock is taken: the thread may have been inside the allocator when it forked. The parent's
 * other threads do not exist: none starts stacks. */
void watched_reset_in_child(void)
{
    renew(atomic_load_explicit(&requests.profile_lease, memory_order_relaxed), 0);
    atomic_store_explicit(&is_starting_stacks, false, memory_order_relaxed);
}

/* ---- tracers ---- */

state_data _Atomic bool watched_is_traced;

/* Noted first: without memory for the profile, no slow path tries again before the tracer has left.
 */
noinline_cold void watched_follow_tracer(void)
{
    bool is_heard = probes_are_heard();
    if (atomic_exchange_explicit(&watched_is_traced, is_heard, memory_order_relaxed) == is_heard)
        return;
    if (is_heard)
        watched_start(PROFILE_BY_TRACER, 0);
    else
        watched_stop(PROFILE_BY_TRACER);
}
