/* SPDX-License-Identifier: MIT */
/*
 * Owns the answer to one question: may the allocator make optional system calls, those that a plain
 * malloc does not make? A seccomp filter may kill the process for a call that it does not expect.
 * So no optional call may ever be made while a filter is in force. The kernel is asked once, by
 * calls that the dynamic loader has just made itself. The program installs later filters through
 * prctl() or syscall(), where the api layer sees them: os_confine.c records them here.
 */
#include "os/os.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* `under_way` counts the threads that are in an optional call, or about to decide on one. */
static early_data struct {
    _Atomic uint32_t state;
    _Atomic uint32_t under_way;
    _Atomic bool was_unfiltered;
    _Atomic bool is_strict;
} filter;

enum filter_state { FILTER_UNKNOWN, FILTER_NONE, FILTER_IN_FORCE };

/* Looks for "Seccomp:\t0" in the text of /proc/PID/status. False also when the text has no such
 * line. */
static bool says_no_filter(const char *status)
{
    static const char line[] = "\nSeccomp:\t0\n";
    return strstr(status, line) != NULL;
}

static long read_status(char *text, size_t size)
{
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    return length;
}

/* A static program opens no file at its start, so a filter may forbid that. The allocator does not
 * ask in such a program, and counts it as filtered. */
static enum filter_state ask(void)
{
    char text[4096];
    if (getauxval(AT_BASE) == 0 || read_status(text, sizeof(text)) <= 0)
        return FILTER_IN_FORCE;
    return says_no_filter(text) ? FILTER_NONE : FILTER_IN_FORCE;
}

static noinline_cold uint32_t find_out(void)
{
    uint32_t unknown = FILTER_UNKNOWN;
    uint32_t found = (uint32_t)ask();
    atomic_store_explicit(&filter.was_unfiltered, found == FILTER_NONE, memory_order_relaxed);
    /* relaxed: a filter that was recorded meanwhile stays recorded */
    atomic_compare_exchange_strong_explicit(&filter.state, &unknown, found, memory_order_relaxed,
                                            memory_order_relaxed);
    return atomic_load_explicit(&filter.state, memory_order_relaxed);
}

bool os_is_filtered(void)
{
    uint32_t state = atomic_load_explicit(&filter.state, memory_order_relaxed);
    if (unlikely(state == FILTER_UNKNOWN))
        state = find_out();
    return state == FILTER_IN_FORCE;
}

bool os_was_unfiltered(void)
{
    return atomic_load_explicit(&filter.was_unfiltered, memory_order_relaxed);
}

bool os_call_begin(void)
{
    /* both sequentially consistent: either this thread sees that a filter is recorded, or the
     * thread that has recorded it sees this call */
    atomic_fetch_add(&filter.under_way, 1);
    if (likely(atomic_load(&filter.state) == FILTER_NONE) || !os_is_filtered())
        return true;
    os_call_end();
    return false;
}

void os_call_end(void)
{
    atomic_fetch_sub(&filter.under_way, 1);
}

void os_filter_put_in_force(void)
{
    atomic_store(&filter.state, FILTER_IN_FORCE);
}

bool os_filter_is_call_under_way(void)
{
    return atomic_load(&filter.under_way) > 0;
}

void os_filter_put_strict(void)
{
    atomic_store_explicit(&filter.is_strict, true, memory_order_relaxed);
}

bool os_may_give_back(void)
{
    return !atomic_load_explicit(&filter.is_strict, memory_order_relaxed);
}

void os_forget_calls_under_way(void)
{
    atomic_store(&filter.under_way, 0);
}
