/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/os_thread.c: the helper runs, with an errno, descriptors, name and signal mask of its
 * own; there is one at a time; a child of fork has none; signals and the end of the program pass it
 * by. In a sanitizer build there is no helper: then that is what is tested.
 */
#include "unit/unit.h"

#include "os/os.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

static _Atomic unsigned runs;
static _Atomic bool may_end;

static void wait_until_gone(void)
{
    while (os_helper_is_running())
        sched_yield();
}

/* ---- what it sees ---- */

/* Purpose: what the helper found; written by it. */
static struct {
    uint32_t thread;
    int error;
    bool has_files;
    bool sees_standard_error;
    uint64_t blocked;
    char name[16];
} seen;

static void look(void)
{
    seen.thread = os_thread_id();
    errno = EDOM;
    seen.error = errno;
    seen.has_files = os_helper_has_files();
    seen.sees_standard_error = fcntl(STDERR_FILENO, F_GETFD) != -1;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &seen.blocked, sizeof(seen.blocked));
    os_read_file("/proc/thread-self/comm", seen.name, sizeof(seen.name));
    runs++;
}

static void test_of_its_own(void **state)
{
    (void)state;
    errno = 0;
    uint64_t blocked;
    CHECK(os_helper_start(look) == !UNIT_SANITIZED);
    if (UNIT_SANITIZED)
        return;
    wait_until_gone();
    CHECK_EQ(runs, 1);
    CHECK_EQ(errno, 0);
    CHECK_EQ(seen.error, EDOM);
    CHECK(seen.thread != os_thread_id());
    CHECK_EQ(seen.blocked | 1u << (SIGKILL - 1) | 1u << (SIGSTOP - 1), UINT64_MAX);
    CHECK(!seen.has_files || !seen.sees_standard_error);
    CHECK(strncmp(seen.name, "hakmem", 6) == 0);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof(blocked));
    CHECK_EQ(blocked, 0);
    CHECK(fcntl(STDERR_FILENO, F_GETFD) != -1);
}

/* ---- one at a time ---- */

static void wait_for_the_end(void)
{
    runs++;
    while (!may_end)
        os_helper_sleep(1);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        return;
    for (unsigned round = 1; round <= 20; round++) {
        runs = 0;
        may_end = false;
        for (unsigned i = 0; i < 10; i++)
            CHECK(os_helper_start(wait_for_the_end));
        CHECK(os_helper_is_running());
        while (runs == 0)
            sched_yield();
        may_end = true;
        wait_until_gone();
        CHECK_EQ(runs, 1);
    }
}

/* ---- fork, signals, the end of the program ---- */

static void start_in_child(void)
{
    os_helper_forget();
    CHECK(!os_helper_is_running());
    runs = 0;
    may_end = true;
    CHECK(os_helper_start(wait_for_the_end));
    wait_until_gone();
    CHECK_EQ(runs, 1);
}

static void run_forever(void)
{
    for (;;)
        os_helper_sleep(1000);
}

static void leave_it_running(void)
{
    os_helper_forget();
    CHECK(os_helper_start(run_forever));
    CHECK(os_helper_is_running());
}

static void *do_nothing(void *unused)
{
    return unused;
}

/* The last thread that libc knows of ends. */
static void leave_by_thread_exit(void)
{
    pthread_t thread;
    leave_it_running();
    CHECK_EQ(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    pthread_detach(thread);
    pthread_exit(NULL);
}

static volatile sig_atomic_t handled_by;

static void on_signal(int number)
{
    (void)number;
    handled_by = (sig_atomic_t)gettid();
}

/* It is blocked in all threads that libc knows of: so it waits. */
static void signals_wait(void)
{
    sigset_t set;
    leave_it_running();
    signal(SIGUSR1, on_signal);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    os_helper_sleep(20);
    CHECK_EQ(handled_by, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    CHECK_EQ(handled_by, gettid());
}

static void test_children(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        return;
    may_end = false;
    CHECK(os_helper_start(wait_for_the_end));
    CHECK_CHILD(start_in_child);
    CHECK_CHILD(leave_it_running);
    CHECK_CHILD(leave_by_thread_exit);
    CHECK_CHILD(signals_wait);
    may_end = true;
    wait_until_gone();
}

/* It goes with the child of vfork that made it; the parent can make another. */
static void test_vfork(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        return;
    pid_t child = vfork();
    if (child == 0) {
        os_helper_start(run_forever);
        _exit(0);
    }
    CHECK(child > 0);
    waitpid(child, NULL, 0);
    wait_until_gone();
    may_end = true;
    runs = 0;
    CHECK(os_helper_start(wait_for_the_end));
    wait_until_gone();
    CHECK_EQ(runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_its_own),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_vfork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
