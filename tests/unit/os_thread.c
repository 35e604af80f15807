/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/os_thread.c: the helper runs, with an errno, name and signal mask of its own, and
 * without any right: no capability, descriptor or system call but those that its work needs; it
 * does not run when a step of this fails; there is one at a time; a child of fork has none; signals
 * and the end of the program pass it by. Threads that have gone are told from those that are there.
 * In a sanitizer build there is no helper: then that is what is tested.
 */
#include "unit/unit.h"

#include "os/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static _Atomic unsigned runs;
static _Atomic bool may_end;

static void wait_until_gone(void)
{
    while (os_helper_is_running())
        sched_yield();
}

/* ---- what it sees, and what is seen of it ---- */

/* Purpose: what the helper found; written by it. */
static struct {
    uint32_t thread;
    int error;
    uint64_t blocked;
    unsigned allowed; /* calls that it may not make, and could */
    bool can_work;
    bool finds_main_gone;
    bool finds_nobody_gone;
} seen;

static bool is_refused(long result)
{
    return result == -1 && errno == EPERM;
}

/* Each would fail with another error, or do nothing, where it is allowed. */
static unsigned try_calls(void)
{
    static char code[1];
    return !is_refused(syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY)) +
           !is_refused(syscall(SYS_execve, "/", NULL, NULL)) +
           !is_refused(syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, NULL)) +
           !is_refused(syscall(SYS_ptrace, PTRACE_CONT, 0, NULL, NULL)) +
           !is_refused(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0)) +
           !is_refused(syscall(SYS_kill, 0, 0)) +
           !is_refused(syscall(SYS_tgkill, getppid(), getppid(), 0)) +
           !is_refused(syscall(SYS_setresuid, 0, 0, 0)) +
           !is_refused(syscall(SYS_write, STDERR_FILENO, code, 0)) +
           !is_refused(syscall(SYS_process_vm_writev, 1, NULL, 0, NULL, 0, 0)) +
           !is_refused(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) +
           !is_refused(syscall(SYS_mprotect, (uintptr_t)code & ~(uintptr_t)4095, 4096,
                               PROT_READ | PROT_WRITE | PROT_EXEC)) +
           !is_refused(syscall(SYS_kcmp, seen.thread, seen.thread, 2 /* KCMP_FILES */, 0, 0));
}

/* All that purging asks of the kernel. */
static bool work(void)
{
    char *memory = os_reserve(4 * MIB);
    if (!memory)
        return false;
    memset(memory, 1, 2 * MIB);
    bool is_good = os_purge(memory, MIB) && memory[0] == 0 && os_remap_fresh(memory, MIB) &&
                   os_populate(memory, MIB) &&
                   (mprotect(memory, MIB, PROT_READ | PROT_WRITE) == 0) &&
                   os_present_pages(memory, 4) == 4;
    mprotect(memory, MIB, PROT_NONE);
    os_sleep_us(10);
    return is_good && os_now_ms() > 0 && os_unmap(memory, 4 * MIB);
}

static void look(void)
{
    seen.thread = atomic_load(&os_helper_thread);
    errno = EDOM;
    seen.error = errno;
    seen.finds_main_gone = os_helper_finds_gone(os_helper_process());
    seen.finds_nobody_gone = os_helper_finds_gone(0x3fffffff);
    seen.can_work = work();
    seen.allowed = try_calls();
    if (seen.allowed == 0)
        seen.allowed = !is_refused(syscall(SYS_exit_group, 1));
    runs++;
    while (!may_end)
        os_helper_sleep(1);
}

/* The number after a key of the helper's status, or the main thread's. */
static uint64_t status_of(uint32_t thread, const char *key, int radix)
{
    char path[64];
    char text[4096];
    snprintf(path, sizeof(path), "/proc/self/task/%u/status", thread);
    CHECK(os_read_file(path, text, sizeof(text)) > 0);
    const char *at = strstr(text, key);
    CHECK(at != NULL);
    return strtoull(at + strlen(key), NULL, radix);
}

static unsigned count_descriptors(uint32_t thread)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%u/fd", thread);
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void check_worthless(uint32_t thread)
{
    CHECK_EQ(status_of(thread, "\nNoNewPrivs:\t", 10), 1);
    CHECK_EQ(status_of(thread, "\nSeccomp:\t", 10), 2);
    CHECK_EQ(status_of(thread, "\nCapInh:\t", 16), 0);
    CHECK_EQ(status_of(thread, "\nCapPrm:\t", 16), 0);
    CHECK_EQ(status_of(thread, "\nCapEff:\t", 16), 0);
    CHECK_EQ(status_of(thread, "\nCapAmb:\t", 16), 0);
    if (geteuid() == 0 && prctl(PR_CAPBSET_READ, 8 /* CAP_SETPCAP */, 0, 0, 0) == 1)
        CHECK_EQ(status_of(thread, "\nCapBnd:\t", 16), 0);
    CHECK_EQ(count_descriptors(thread), 0);
}

static void test_of_its_own(void **state)
{
    (void)state;
    errno = 0;
    uint64_t blocked;
    uint32_t main_thread = os_thread_number().thread;
    uint64_t rights = status_of(main_thread, "\nCapEff:\t", 16);
    CHECK(os_helper_start(look) == !UNIT_SANITIZED);
    if (UNIT_SANITIZED)
        return;
    while (runs == 0)
        sched_yield();
    char path[64];
    char name[16];
    snprintf(path, sizeof(path), "/proc/self/task/%u/comm", seen.thread);
    CHECK(os_read_file(path, name, sizeof(name)) > 0);
    CHECK(strncmp(name, "hakmem", 6) == 0);
    check_worthless(seen.thread);
    CHECK_EQ(status_of(seen.thread, "\nSigBlk:\t", 16) | 1u << (SIGKILL - 1) | 1u << (SIGSTOP - 1),
             UINT64_MAX);
    may_end = true;
    wait_until_gone();
    CHECK_EQ(runs, 1);
    CHECK_EQ(seen.error, EDOM);
    CHECK(seen.thread != main_thread);
    CHECK_EQ(seen.allowed, 0);
    CHECK(seen.can_work);
    CHECK(!seen.finds_main_gone && seen.finds_nobody_gone);
    /* the program is as it was */
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof(blocked));
    CHECK_EQ(blocked, 0);
    CHECK(fcntl(STDERR_FILENO, F_GETFD) != -1);
    CHECK_EQ(status_of(main_thread, "\nSeccomp:\t", 10), 0);
    CHECK_EQ(status_of(main_thread, "\nNoNewPrivs:\t", 10), 0);
    CHECK_EQ(status_of(main_thread, "\nCapEff:\t", 16), rights);
}

/* ---- a step that fails ---- */

#define STEPS 5

static unsigned failing_step;
static unsigned steps;

static bool fail_step(enum os_call call)
{
    return call == OS_CALL_HELPER_SELF && ++steps == failing_step;
}

static void count_run(void)
{
    runs++;
}

static void start_with_fault(void)
{
    os_helper_forget();
    runs = steps = 0;
    os_inject_failure = fail_step;
    CHECK(os_helper_start(count_run));
    wait_until_gone();
    CHECK_EQ(runs, failing_step > STEPS);
    os_inject_failure = NULL;
    CHECK_EQ(os_helper_start(count_run), failing_step > STEPS);
    wait_until_gone();
}

static void test_steps(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        return;
    for (failing_step = 1; failing_step <= STEPS + 1; failing_step++)
        CHECK_CHILD(start_with_fault);
}

/* ---- the program's threads ---- */

static struct os_thread_number number_of_other;

static void *tell_number(void *unused)
{
    number_of_other = os_thread_number();
    runs = 1;
    while (!may_end)
        sched_yield();
    return unused;
}

static void test_numbers(void **state)
{
    (void)state;
    pthread_t thread;
    struct os_thread_number own = os_thread_number();
    CHECK_EQ(own.process, getpid());
    CHECK_EQ(own.thread, gettid());
    CHECK(!os_thread_is_gone(own));
    CHECK(!os_thread_is_gone((struct os_thread_number){own.process, 0}));
    runs = 0;
    may_end = false;
    CHECK_EQ(pthread_create(&thread, NULL, tell_number, NULL), 0);
    while (runs == 0)
        sched_yield();
    CHECK(number_of_other.thread != own.thread);
    CHECK(!os_thread_is_gone(number_of_other));
    may_end = true;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    while (syscall(SYS_tgkill, getpid(), number_of_other.thread, 0) == 0)
        usleep(100);
    CHECK(os_thread_is_gone(number_of_other));
    /* asked by another process, which may share the memory */
    number_of_other.process++;
    CHECK(!os_thread_is_gone(number_of_other));
}

static bool fail_barrier(enum os_call call)
{
    return call == OS_CALL_BARRIER;
}

static void test_barrier(void **state)
{
    (void)state;
    CHECK(os_barrier());
    CHECK(os_barrier());
    os_inject_failure = fail_barrier;
    CHECK(!os_barrier());
    os_inject_failure = NULL;
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
        cmocka_unit_test(test_of_its_own),    cmocka_unit_test(test_steps),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_barrier),
        cmocka_unit_test(test_one_at_a_time), cmocka_unit_test(test_children),
        cmocka_unit_test(test_vfork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
