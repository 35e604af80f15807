/* SPDX-License-Identifier: MIT */
/*
 * Owns the watching of threads: it begins and ends for all of them at once, by a bit in the bottoms
 * of their bins, and a cache that is made later is watched from its start. A thread that allocates
 * without a cache is counted too. May never allocate, and never hold a lock while a stack is
 * walked.
 */
#include "front/watched.h"

state_data struct lock watched_lock;

__thread uint32_t watched_label;

/* ---- blocks ---- */

static size_t usable_bytes(const void *block)
{
    struct reservation *base = reservation_get();
    size_t size = size_classes[slab_map_get(base, reservation_offset(base, block))].size;
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

static noinline_cold void sample(const void *block, size_t usable, size_t size)
{
    struct profile_event event = {.block = block,
                                  .size = usable,
                                  .requested = size,
                                  .stack = own_stack(),
                                  .label = watched_label,
                                  .thread = own_number()};
    profile_add(&event);
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

/* The loader may be asked, so no lock is held: it has locks of its own, and a thread that holds
 * them may fork. Of two threads one is enough. */
static void start_stacks(void)
{
    static _Atomic bool is_busy;
    if (atomic_exchange_explicit(&is_busy, true, memory_order_acquire))
        return;
    stack_start();
    atomic_store_explicit(&is_busy, false, memory_order_release);
}

bool watched_start(uint64_t interval)
{
    if (interval == 0)
        interval = (uint64_t)settings.profile_interval;
    start_stacks();
    lock_acquire(&watched_lock);
    bool is_made = profile_make((size_t)settings.profile_memory);
    if (is_made) {
        profile_begin(interval);
        thread_cache_watch_all();
    }
    lock_release(&watched_lock);
    return is_made;
}

void watched_stop(void)
{
    lock_acquire(&watched_lock);
    profile_end();
    thread_cache_watch_all();
    lock_release(&watched_lock);
}
