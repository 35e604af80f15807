/* SPDX-License-Identifier: MIT */
/*
 * Owns the limit on memory. The slab layer allows a number of bytes to be taken into use and
 * refuses more; then this file is asked. It finds the limit (HAKMEM_LIMIT, or the control group's),
 * lets the heap grow while there is room, and gives free memory back near the limit. Then, if the
 * setting says that malloc may fail, it calls the program's handler, and refuses. Called by route.c
 * with no lock held.
 */
#include "front/upkeep.h"

/* The limits of memory are not looked up for a heap that is smaller than this. */
#define UNASKED_BYTES (8 * MIB)

/* How many times in a row a handler may say that it has freed something. */
#define HANDLER_ROUNDS 16

/* Near the limit, memory is given back each time that the memory in use has grown by this part of
 * the limit. */
#define TRIM_PART 64

/* How long is waited for another thread's trim: looks, and time between. */
#define TRIM_LOOKS 100
#define TRIM_LOOK_US 200

/* Purpose: the limit. `bytes` is 0 until it has been found out, and when the setting has changed;
 * two threads find the same. The fields above the lock are relaxed, but for `bytes` and `changes`:
 * an old value makes a thread trim, or ask, once too often. */
static early_data struct {
    _Atomic uint64_t bytes;
    _Atomic uint32_t changes;    /* of the setting */
    _Atomic uint8_t asked_epoch; /* the one in which `bytes` was read */
    _Atomic bool is_trimming;    /* a thread gives memory back: others wait for it */
    _Atomic uint32_t trims;      /* begun so far */
    _Atomic uint64_t trimmed_to; /* in use after the last trim, or since; 0 far from the limit */
    struct lock lock;            /* of the handler and its context */
    bool (*handler)(size_t wanted, void *context);
    void *context;
} limit;

/* The handler is not called for what it allocates itself. */
static __thread bool is_in_handler;

void limit_start(void)
{
    char entry[32];
    slab_allow(UNASKED_BYTES);
    text_format(entry, sizeof(entry), "HAKMEM_LIMIT=%ld%%", (long)-settings.limit);
    if (settings.limit < 0 && os_memory_limit() == UINT64_MAX && settings_is_news(entry))
        log_line("%s: there is no limit, since no control group limits this process's memory",
                 entry);
}

bool limit_set(int64_t value)
{
    if (value < 0 && os_memory_limit() == UINT64_MAX)
        return false;
    if (!settings_change(LIVE_limit, value))
        return false;
    atomic_fetch_add(&limit.changes, 1);
    atomic_store(&limit.bytes, 0);
    atomic_store(&limit.trimmed_to, 0); /* warm memory, which is never refused, goes back first */
    slab_allow(0);                      /* who takes slabs next asks */
    return true;
}

void limit_set_handler(bool (*handler)(size_t wanted, void *context), void *context)
{
    lock_acquire(&limit.lock);
    limit.handler = handler;
    limit.context = context;
    lock_release(&limit.lock);
}

void limit_reset_in_child(void)
{
    lock_reset(&limit.lock);
    atomic_store(&limit.is_trimming, false);
}

/* May malloc fail for it? */
static bool is_hard(void)
{
    return settings.limit != 0;
}

/* ---- what there is, and how much of it is used ---- */

/* The part of the group's limit that is left to its page tables, files and other processes. */
#define GROUP_SPARE 32

static uint64_t compute_bytes(void)
{
    int64_t wanted = settings.limit;
    uint64_t group = os_memory_limit();
    uint64_t bytes = group == UINT64_MAX ? group : group - group / GROUP_SPARE;
    if (wanted < 0 && group != UINT64_MAX)
        bytes = min_size(bytes, group / 100 * (uint64_t)-wanted);
    if (wanted > 0)
        bytes = min_size(bytes, (uint64_t)wanted);
    return bytes ? bytes : 1;
}

static uint64_t read_bytes(void)
{
    uint32_t changes;
    uint64_t bytes;
    uint64_t before;
    do {
        changes = atomic_load(&limit.changes);
        bytes = compute_bytes();
        before = atomic_exchange(&limit.bytes, bytes);
    } while (changes != atomic_load(&limit.changes));
    /* what the old limit had room for, the new one may not have */
    if (before != 0 && bytes < before)
        slab_allow(0);
    atomic_store_explicit(&limit.asked_epoch, decay_epoch(), memory_order_relaxed);
    return bytes;
}

/* A control group's limit may change at any time: it is read again once an epoch. */
static uint64_t find_bytes(void)
{
    uint64_t bytes = atomic_load_explicit(&limit.bytes, memory_order_relaxed);
    uint8_t epoch = atomic_load_explicit(&limit.asked_epoch, memory_order_relaxed);
    return bytes != 0 && epoch == decay_epoch() ? bytes : read_bytes();
}

static uint64_t near(uint64_t bytes)
{
    return bytes - bytes / 8;
}

/* Memory that is in use, or will be: spans that the program holds count as if they were touched
 * already. Under a filter the kernel cannot be asked for RSS: then all slabs in use count. */
static uint64_t bytes_in_use(void)
{
    size_t resident = os_resident_bytes();
    return max_size(resident ? resident : slab_used_bytes(), span_bytes());
}

/* Allow `room` bytes to be taken into use, on the strength of a limit of `bytes`. If that has
 * changed meanwhile, who takes slabs next asks again. */
static void allow_below(uint64_t bytes, int64_t room)
{
    slab_allow(room);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&limit.bytes) != bytes)
        slab_allow(0);
}

/* Allow a range of `size` bytes to be taken into use, and half of the room that there is below the
 * limit. */
static void allow(uint64_t bytes, size_t size, uint64_t room)
{
    allow_below(bytes, (int64_t)(align_up(size, SUPERSLAB_SIZE) + SUPERSLAB_SIZE + room / 2));
}

/* ---- giving back ---- */

/* Give free memory back. If several threads ask at one time, one does it and the others wait. A
 * trim that began before a thread asked does not count for that thread: it may have missed what the
 * thread has freed. */
static void trim(void)
{
    uint32_t begun = atomic_load(&limit.trims);
    for (unsigned look = 0; look < TRIM_LOOKS; look++) {
        if (!atomic_exchange(&limit.is_trimming, true)) {
            if (atomic_load(&limit.trims) == begun) {
                atomic_fetch_add(&limit.trims, 1);
                route_trim();
            }
            atomic_store(&limit.is_trimming, false);
            return;
        }
        os_sleep_us(TRIM_LOOK_US);
    }
}

/* Near the limit: trim, if enough memory was taken into use since the last trim. */
static void trim_near(uint64_t used, uint64_t bytes)
{
    uint64_t last = atomic_load_explicit(&limit.trimmed_to, memory_order_relaxed);
    if (last != 0 && used < last + max_size(bytes / TRIM_PART, SUPERSLAB_SIZE)) {
        if (used < last)
            atomic_store_explicit(&limit.trimmed_to, used, memory_order_relaxed);
        return;
    }
    trim();
    atomic_store_explicit(&limit.trimmed_to, bytes_in_use(), memory_order_relaxed);
}

static bool call_handler(size_t size)
{
    lock_acquire(&limit.lock);
    bool (*handler)(size_t, void *) = limit.handler;
    void *context = limit.context;
    lock_release(&limit.lock);
    if (!handler || is_in_handler)
        return false;
    is_in_handler = true;
    bool has_freed = handler(size, context);
    is_in_handler = false;
    return has_freed;
}

/* Do `more` bytes fit below the limit, when all that is free has been given back? */
static bool fits_after_trim(size_t more, uint64_t bytes)
{
    if (bytes_in_use() + more <= bytes)
        return true;
    if (span_bytes() + more > bytes)
        return false;
    trim();
    return bytes_in_use() + more <= bytes;
}

static bool make_room(size_t more, uint64_t bytes)
{
    unsigned round = 0;
    while (!fits_after_trim(more, bytes))
        if (round++ == HANDLER_ROUNDS || !call_handler(more))
            return false;
    return true;
}

/* ---- the limit met ---- */

/* Is it far, if there is one, with `more` bytes? Then the heap may grow. */
static bool is_far(uint64_t bytes, size_t more, size_t size)
{
    if (bytes == UINT64_MAX) {
        allow_below(bytes, INT64_MAX);
        return true;
    }
    uint64_t wanted = bytes_in_use() + more;
    if (wanted > near(bytes))
        return false;
    atomic_store_explicit(&limit.trimmed_to, 0, memory_order_relaxed);
    allow(bytes, size, near(bytes) - wanted);
    return true;
}

bool limit_may_grow(size_t more, size_t size)
{
    uint64_t bytes = find_bytes();
    if (is_far(bytes, more, size))
        return true;
    trim_near(bytes_in_use() + more, bytes);
    if (is_hard() && !make_room(more, bytes))
        return false;
    allow(bytes, size, 0);
    return true;
}

bool limit_may_take(size_t alignment, size_t size)
{
    size_t more = max_size(size, 1);
    /* a range is cut from a longer one, and the rest goes back */
    return limit_may_grow(more, alignment > SUPERSLAB_SIZE ? more + alignment : more);
}

void limit_review(void)
{
    uint64_t bytes = find_bytes();
    if (is_far(bytes, 0, 0))
        return;
    trim_near(bytes_in_use(), bytes);
    if (!is_hard() || bytes_in_use() <= bytes)
        allow(bytes, 0, 0);
}

bool limit_is_near(void)
{
    bool is_known = atomic_load_explicit(&limit.bytes, memory_order_relaxed) != 0;
    if (!is_hard() || !is_known || os_is_filtered())
        return false;
    uint64_t bytes = read_bytes();
    return bytes != UINT64_MAX && os_resident_bytes() > near(bytes);
}

bool limit_was_met(void)
{
    return slab_is_at_limit();
}
