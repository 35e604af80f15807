/* SPDX-License-Identifier: MIT */
/* Tests of base/lock.c: mutual exclusion, sleeping and waking, and errno. */
#include "unit/unit.h"

static struct lock lock;
static unsigned long counter; /* not atomic: the lock's work is to make it right */

static void test_uncontended(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        lock_acquire(&lock);
        CHECK_EQ(atomic_load(&lock.word), 1);
        lock_release(&lock);
        CHECK_EQ(atomic_load(&lock.word), 0);
    }
    lock_acquire(&lock);
    lock_reset(&lock);
    CHECK_EQ(atomic_load(&lock.word), 0);
}

#define ROUNDS 20000

static void *count_up(void *number)
{
    (void)number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lock_acquire(&lock);
        counter++;
        lock_release(&lock);
    }
    return NULL;
}

static void test_exclusion(void **state)
{
    (void)state;
    counter = 0;
    unit_run_threads(count_up);
    CHECK_EQ(counter, (unsigned long)UNIT_THREADS * ROUNDS);
    CHECK_EQ(atomic_load(&lock.word), 0);
}

static _Atomic unsigned signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static void *wait_for_lock(void *number)
{
    (void)number;
    errno = 77;
    lock_acquire(&lock);
    CHECK_EQ(errno, 77);
    counter++;
    lock_release(&lock);
    CHECK_EQ(errno, 77);
    return NULL;
}

/* All sleep on the held lock; one release wakes them one after the other. */
static void test_sleepers_wake(void **state)
{
    pthread_t threads[UNIT_THREADS];
    (void)state;
    counter = 0;
    lock_acquire(&lock);
    for (unsigned i = 0; i < UNIT_THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, wait_for_lock, NULL), 0);
    while (atomic_load(&lock.word) != 2)
        sched_yield();
    CHECK_EQ(counter, 0);
    lock_release(&lock);
    for (unsigned i = 0; i < UNIT_THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(counter, UNIT_THREADS);
    CHECK_EQ(atomic_load(&lock.word), 0);
}

/* The thread sanitizer holds signals back while a thread sleeps in a system call of its own. */
#ifdef HAK_TSAN
#define SIGNALS 0
#else
#define SIGNALS 50
#endif

/* A signal ends a sleeper's system call with EINTR: it sleeps on, and its errno stays. */
static void test_interrupted(void **state)
{
    struct sigaction action = {.sa_handler = count_signal};
    pthread_t thread;
    (void)state;
    counter = 0;
    signals = 0;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    lock_acquire(&lock);
    CHECK_EQ(pthread_create(&thread, NULL, wait_for_lock, NULL), 0);
    while (atomic_load(&lock.word) != 2)
        sched_yield();
    for (unsigned sent = 1; sent <= SIGNALS; sent++) {
        CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
        while (signals < sent)
            sched_yield();
        CHECK_EQ(atomic_load(&lock.word), 2);
    }
    lock_release(&lock);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(counter, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uncontended),
        cmocka_unit_test(test_exclusion),
        cmocka_unit_test(test_sleepers_wake),
        cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
