/* SPDX-License-Identifier: MIT */
/*
 * The slow half of struct lock: spin a little, then sleep on the word.
 */
#include "base/base.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rounds of a short wait. A holder only copies a few pointers, so the lock is soon free unless the
 * holder has lost its processor. */
#define SPIN_ROUNDS 40

__thread unsigned lock_depth;

static void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

noinline_cold void lock_wait(struct lock *lock)
{
    for (int round = 0; round < SPIN_ROUNDS; round++) {
        uint32_t expected = 0;
        spin_pause();
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&lock->word, &expected, 1, memory_order_acquire,
                                                    memory_order_relaxed))
            return;
    }
    int saved = errno;
    /* 2 says that a thread may sleep. A thread that gets the lock here keeps the 2, since other
     * threads may still sleep. */
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
        syscall(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    errno = saved;
}

noinline_cold void lock_wake(struct lock *lock)
{
    int saved = errno;
    syscall(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}
