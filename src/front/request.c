/* SPDX-License-Identifier: MIT */
/*
 * Requests from outside: the command hakmem writes one into `request` (/proc/PID/mem, with
 * ptrace's permission), and the next slow path of any thread serves it. Called by route.c; calls
 * route_trim and settings_change. What was written is another process's and is checked here.
 */
#include "front/request.h"

early_data struct request request;

static int64_t serve(uint32_t kind, uint32_t setting, int64_t value)
{
    if (kind == REQUEST_TRIM)
        return (int64_t)route_trim();
    if (kind == REQUEST_SET)
        return settings_change(setting, value) ? 0 : -1;
    return -1;
}

noinline_cold void request_serve(void)
{
    uint32_t asked = REQUEST_ASKED;
    /* acquire: the fields were written before the state */
    if (!atomic_compare_exchange_strong_explicit(&request.state, &asked, REQUEST_RUNNING,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    request.result = serve(request.kind, request.setting, request.value);
    atomic_store_explicit(&request.state, REQUEST_DONE, memory_order_release);
}

void request_reset_in_child(void)
{
    atomic_store_explicit(&request.state, REQUEST_NONE, memory_order_relaxed);
}
