/* SPDX-License-Identifier: MIT */
/*
 * Owns the facts about the limit on memory: the limit as it was last read (HAKMEM_LIMIT or the
 * control group's, whichever is less), the memory in use, and the memory that was in use after the
 * last trim near the limit. Tells the slab layer how many bytes may be taken into use. May never
 * trim or call the program: limit.c does that.
 */
#include "front/pressure.h"

#include "lane/lane.h"

/* The limits on memory are not looked up while the heap is smaller than this. */
#define UNASKED_BYTES (8 * MIB)

/* Near the limit, a trim is due each time the memory in use has grown by 1/64 of the limit. */
#define TRIM_PART 64

/* Purpose: the limit. `bytes` is 0 until it has been computed, and after a change of the setting;
 * two threads compute the same value. All accesses but those to `bytes` and `changes` are relaxed:
 * an old value only makes a thread trim, or ask, once too often. */
static early_data struct {
    _Atomic uint64_t bytes;
    _Atomic uint32_t changes;    /* changes of the setting */
    _Atomic uint8_t asked_epoch; /* the epoch in which `bytes` was read */
    _Atomic uint64_t trimmed_to; /* in use after the last trim, or the least since; 0 far from it */
} pressure;

void pressure_start(void)
{
    char entry[32];
    room_set(UNASKED_BYTES);
    text_format(entry, sizeof(entry), "HAKMEM_LIMIT=%ld%%", (long)-settings.limit);
    if (settings.limit < 0 && os_memory_limit() == UINT64_MAX && settings_is_news(entry))
        log_line("%s: there is no limit, since no control group limits this process's memory",
                 entry);
}

bool pressure_set(int64_t value)
{
    if (value < 0 && os_memory_limit() == UINT64_MAX)
        return false;
    if (!settings_change(LIVE_limit, value))
        return false;
    atomic_fetch_add(&pressure.changes, 1);
    atomic_store(&pressure.bytes, 0);
    /* makes a trim due: warm memory needs no permission, so it must go back first */
    atomic_store(&pressure.trimmed_to, 0);
    room_set(0); /* the next thread that takes slabs asks limit.c */
    return true;
}

bool pressure_is_hard(void)
{
    return settings.limit != 0;
}

/* ---- the limit ---- */

/* 1/32 of the control group's limit is left for page tables, files and other processes. */
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
        changes = atomic_load(&pressure.changes);
        bytes = compute_bytes();
        before = atomic_exchange(&pressure.bytes, bytes);
    } while (changes != atomic_load(&pressure.changes));
    /* the new limit may have less room than was permitted below the old one */
    if (before != 0 && bytes < before)
        room_set(0);
    atomic_store_explicit(&pressure.asked_epoch, decay_epoch(), memory_order_relaxed);
    return bytes;
}

uint64_t pressure_limit(void)
{
    uint64_t bytes = atomic_load_explicit(&pressure.bytes, memory_order_relaxed);
    uint8_t epoch = atomic_load_explicit(&pressure.asked_epoch, memory_order_relaxed);
    return bytes != 0 && epoch == decay_epoch() ? bytes : read_bytes();
}

static uint64_t near(uint64_t bytes)
{
    return bytes - bytes / 8;
}

bool pressure_is_near(void)
{
    bool is_known = atomic_load_explicit(&pressure.bytes, memory_order_relaxed) != 0;
    if (!pressure_is_hard() || !is_known || os_is_filtered())
        return false;
    uint64_t bytes = read_bytes();
    return bytes != UINT64_MAX && os_resident_bytes() > near(bytes);
}

/* ---- the memory in use, and the room ---- */

/* Spans and Huge blocks count as if all their pages were present. Under a seccomp filter the kernel
 * cannot be asked for the RSS: then all slabs in use count. */
uint64_t pressure_used(void)
{
    size_t resident = os_resident_bytes();
    return max_size(resident ? resident : room_used_bytes(), span_bytes());
}

/* Give permission for `room` bytes, computed for a limit of `bytes`. If the limit has changed
 * meanwhile, take the permission back: the next thread that takes slabs asks again. */
static void allow_below(uint64_t bytes, int64_t room)
{
    room_set(room);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&pressure.bytes) != bytes)
        room_set(0);
}

/* Give permission for a range of `size` bytes and for half of the room below the limit. */
static void allow(uint64_t bytes, size_t size, uint64_t room)
{
    allow_below(bytes, (int64_t)(align_up(size, SUPERSLAB_SIZE) + SUPERSLAB_SIZE + room / 2));
}

void pressure_allow(uint64_t bytes, size_t size)
{
    allow(bytes, size, 0);
}

bool pressure_is_far(uint64_t bytes, size_t more, size_t size)
{
    if (bytes == UINT64_MAX) {
        allow_below(bytes, INT64_MAX);
        return true;
    }
    uint64_t wanted = pressure_used() + more;
    if (wanted > near(bytes))
        return false;
    atomic_store_explicit(&pressure.trimmed_to, 0, memory_order_relaxed);
    allow(bytes, size, near(bytes) - wanted);
    return true;
}

/* ---- trims near the limit ---- */

bool pressure_wants_trim(uint64_t used, uint64_t bytes)
{
    uint64_t last = atomic_load_explicit(&pressure.trimmed_to, memory_order_relaxed);
    if (last == 0 || used >= last + max_size(bytes / TRIM_PART, SUPERSLAB_SIZE))
        return true;
    if (used < last)
        atomic_store_explicit(&pressure.trimmed_to, used, memory_order_relaxed);
    return false;
}

void pressure_note_trim(void)
{
    atomic_store_explicit(&pressure.trimmed_to, pressure_used(), memory_order_relaxed);
}
