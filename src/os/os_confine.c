/* SPDX-License-Identifier: MIT */
/*
 * The allocator's part when the program is about to install a seccomp filter: it starts no more
 * optional calls, waits for those of other threads, and ends its helper. No optional call may be
 * under way when os_note_filter returns, unless the call takes longer than the wait. The wait is
 * bounded, since an endless one would hang the program.
 */
#include "os/os.h"

/* The thread that installs a filter looks up to LOOKS times whether other threads' optional calls
 * have ended. Such a call purges 256 KiB at most, which takes 0.1 ms. */
#define LOOKS 1000
#define LOOK_US 100

void os_note_filter(void)
{
    /* the helper's own filter is for no other thread, and allows what the helper does */
    if (os_helper_is_this_thread())
        return;
    os_filter_put_in_force();
    for (unsigned look = 0; look < LOOKS && os_filter_is_call_under_way(); look++)
        os_sleep_us(LOOK_US);
    os_helper_end();
}

void os_note_strict_mode(void)
{
    os_filter_put_strict();
    os_note_filter();
}
