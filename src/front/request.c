/* SPDX-License-Identifier: MIT */
/*
 * Requests from outside. The command `hakmem` writes a request into `requests` (by /proc/PID/mem,
 * with ptrace's permission). The next slow path of any thread serves it, or the helper if there is
 * one. Another process has written the values, so they are checked here.
 */
#include "front/request.h"
#include "front/pressure.h"

early_data struct requests requests;

/* Purpose: the functions that serve requests. */
struct service {
    size_t (*trim)(void);
    bool (*profile)(uint64_t interval);
};

static int64_t serve_slot(unsigned slot, int64_t value, const struct service *service)
{
    if (slot == REQUEST_TRIM)
        return (int64_t)service->trim();
    if (slot == REQUEST_PROFILE)
        return value >= 0 && value <= (int64_t)TIB && service->profile((uint64_t)value) ? 0 : -1;
    unsigned live = slot - REQUEST_SET;
    bool is_done = live == LIVE_limit ? pressure_set(value) : settings_change(live, value);
    return is_done ? 0 : -1;
}

/* If a new request replaces one that is being served, `asked` stays ahead of `served`, and
 * is_waiting is set again. */
static void serve_if_asked(unsigned slot, const struct service *service)
{
    struct request *request = &requests.slots[slot];
    /* acquire: the value was written before */
    uint32_t asked = atomic_load_explicit(&request->asked, memory_order_acquire);
    if (asked == atomic_load_explicit(&request->served, memory_order_relaxed))
        return;
    int64_t value = atomic_load_explicit(&request->value, memory_order_relaxed);
    request->result = serve_slot(slot, value, service);
    /* release: the result is visible before `served` says so */
    atomic_store_explicit(&request->served, asked, memory_order_release);
}

/* Serve the slots from the first up to `end`, which is not included. */
static void serve_slots(unsigned end, const struct service *service)
{
    if (atomic_exchange(&requests.is_serving, true))
        return;
    /* cleared first: a request that comes later is seen by this thread or by the next slow path */
    atomic_store(&requests.is_waiting, end != REQUEST_SLOTS);
    for (unsigned slot = REQUEST_TRIM; slot < end; slot++)
        serve_if_asked(slot, service);
    atomic_store(&requests.is_serving, false);
}

noinline_cold void request_serve(size_t (*trim)(void), bool (*profile)(uint64_t interval))
{
    const struct service service = {trim, profile};
    serve_slots(REQUEST_SLOTS, &service);
}

void request_serve_by_helper(size_t (*trim)(void))
{
    const struct service service = {trim, NULL};
    _Static_assert(REQUEST_SET + LIVE_limit == REQUEST_SLOTS - 2 &&
                       REQUEST_PROFILE == REQUEST_SLOTS - 1,
                   "the limit's slot and that of profiling are the last");
    serve_slots(REQUEST_SET + LIVE_limit, &service);
}

void request_reset_in_child(void)
{
    for (unsigned slot = REQUEST_TRIM; slot < REQUEST_SLOTS; slot++)
        atomic_store(&requests.slots[slot].served, atomic_load(&requests.slots[slot].asked));
    atomic_store(&requests.is_waiting, false);
    atomic_store(&requests.is_serving, false);
}
