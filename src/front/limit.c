/* SPDX-License-Identifier: MIT */
/*
 * Owns what happens at the limit on memory. The slab layer has permission for a number of bytes and
 * refuses more; then it asks this file. This file gives new permission while there is room
 * (pressure.c), and gives free memory back near the limit. If that is not enough and the setting
 * says that malloc may fail, it calls the program's handler, and then refuses. May hold no lock
 * while it does so.
 */
#include "front/limit.h"
#include "front/pressure.h"
#include "front/trim.h"

#include "lane/lane.h"

/* How many times in succession the handler may say that it has freed something. */
#define HANDLER_ROUNDS 16

/* How often a thread looks whether another thread's trim is over, and the time between two
 * looks. */
#define TRIM_LOOKS 100
#define TRIM_LOOK_US 200

early_data struct lock limit_lock;

/* Purpose: the trim under way, and the program's handler. Owner of the handler and its context:
 * limit_lock. */
static early_data struct {
    _Atomic bool is_trimming; /* a thread is trimming: others wait for it */
    _Atomic uint32_t trims;   /* trims begun so far */
    bool (*handler)(size_t wanted, void *context);
    void *context;
} limit;

/* The handler is not called for allocations of its own. */
static __thread bool is_in_handler;

void limit_set_handler(bool (*handler)(size_t wanted, void *context), void *context)
{
    lock_acquire(&limit_lock);
    limit.handler = handler;
    limit.context = context;
    lock_release(&limit_lock);
}

void limit_reset_in_child(void)
{
    atomic_store(&limit.is_trimming, false);
}

/* ---- giving back ---- */

/* Give free memory back. If several threads ask for it at the same time, one does it and the others
 * wait. A trim that began before a thread asked is not enough for that thread: it may have missed
 * what the thread has freed. */
static void trim(void)
{
    uint32_t begun = atomic_load(&limit.trims);
    for (unsigned look = 0; look < TRIM_LOOKS; look++) {
        if (!atomic_exchange(&limit.is_trimming, true)) {
            if (atomic_load(&limit.trims) == begun) {
                atomic_fetch_add(&limit.trims, 1);
                trim_all();
            }
            atomic_store(&limit.is_trimming, false);
            return;
        }
        os_sleep_us(TRIM_LOOK_US);
    }
}

/* Near the limit: trim, if enough memory has been taken into use since the last trim. */
static void trim_near(uint64_t used, uint64_t bytes)
{
    if (!pressure_wants_trim(used, bytes))
        return;
    trim();
    pressure_note_trim();
}

static bool call_handler(size_t size)
{
    lock_acquire(&limit_lock);
    bool (*handler)(size_t, void *) = limit.handler;
    void *context = limit.context;
    lock_release(&limit_lock);
    if (!handler || is_in_handler)
        return false;
    is_in_handler = true;
    bool has_freed = handler(size, context);
    is_in_handler = false;
    return has_freed;
}

/* Do `more` bytes fit below the limit, if all free memory is given back? */
static bool fits_after_trim(size_t more, uint64_t bytes)
{
    if (pressure_used() + more <= bytes)
        return true;
    if (span_bytes() + more > bytes)
        return false;
    trim();
    return pressure_used() + more <= bytes;
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

bool limit_may_grow(size_t more, size_t size)
{
    uint64_t bytes = pressure_limit();
    if (pressure_is_far(bytes, more, size))
        return true;
    trim_near(pressure_used() + more, bytes);
    if (pressure_is_hard() && !make_room(more, bytes))
        return false;
    pressure_allow(bytes, size);
    return true;
}

bool limit_may_take(size_t alignment, size_t size)
{
    size_t more = max_size(size, 1);
    /* an aligned range is cut from a longer one, whose rest goes back */
    return limit_may_grow(more, alignment > SUPERSLAB_SIZE ? more + alignment : more);
}

void limit_review(void)
{
    uint64_t bytes = pressure_limit();
    if (pressure_is_far(bytes, 0, 0))
        return;
    trim_near(pressure_used(), bytes);
    if (!pressure_is_hard() || pressure_used() <= bytes)
        pressure_allow(bytes, 0);
}

bool limit_was_met(void)
{
    return room_was_refused();
}
