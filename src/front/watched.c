/* SPDX-License-Identifier: MIT */
/*
 * Owns the watching of threads. It begins and ends for all threads at once, by a bit in the bottoms
 * of their bins; a cache that is made later is watched from its start. The blocks of a thread
 * without a cache are counted too. Owns also the end of profiling for a command or a tracer that
 * is gone: a command may be killed before it asks the process to stop. May never allocate, and may
 * hold no lock while it walks a stack.
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

/* Purpose: the command's lease, as it was last seen to change. The command writes a new number into
 * requests.profile_lease about once a second. Owner: any thread that takes a sample. */
static struct {
    _Atomic uint32_t seen;    /* the number */
    _Atomic uint64_t seen_ms; /* when it was first seen, by os_now_ms; written before `seen` */
} lease;

static void renew(uint32_t number, uint64_t now)
{
    atomic_store_explicit(&lease.seen_ms, now, memory_order_relaxed);
    /* release: a thread that sees this number sees its time, or a later one */
    atomic_store_explicit(&lease.seen, number, memory_order_release);
}

/* Is the command gone? Only samples ask this: they are rare, so the check costs next to nothing. */
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

/* Check again under the lock: another command may have started profiling meanwhile. */
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
    byte = watched_byte(byte, block); /* first: the block still belongs to its slab */
    profile_forget(block);
    return byte;
}

/* ---- all threads ---- */

static _Atomic bool is_starting_stacks;

/* Prepare the unwinder. The caller may be any code that allocates: the loader while it holds its
 * locks, or a signal handler. So this may wait for nobody. stack_start takes no lock: it reads the
 * loader's list of files and calls _dl_find_object, or asks the kernel where that function is
 * missing. If another thread is in stack_start already, this one goes on without it: one call is
 * enough. */
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
    if (now == 0) /* no clock, under a seccomp filter: the lease would never end */
        return false;
    renew(atomic_load_explicit(&requests.profile_lease, memory_order_relaxed), now);
    return watched_start(PROFILE_BY_COMMAND, interval);
}

/* Takes no lock: the thread may have been inside the allocator when it forked. The parent's other
 * threads do not exist in the child, so none of them is in stack_start. The time 0 makes the lease
 * look as if it had ended long ago. */
void watched_reset_in_child(void)
{
    renew(atomic_load_explicit(&requests.profile_lease, memory_order_relaxed), 0);
    atomic_store_explicit(&is_starting_stacks, false, memory_order_relaxed);
}

/* ---- tracers ---- */

state_data _Atomic bool watched_is_traced;

/* The flag is set first: if there is no memory for the profile, no slow path tries again until the
 * tracer has left. */
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
