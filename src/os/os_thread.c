/* SPDX-License-Identifier: MIT */
/*
 * Linux: the helper thread, made by clone() itself. libc does not know of it: pthread_create would
 * allocate (that is, call us), and would end the short cuts that libc takes in programs of one
 * thread. Owns its stack and its thread-local storage, one mapping that is kept and used again.
 * Relies on the kernel to clear os_helper_thread when the thread is gone, by exit or by exec.
 */
#include "os/os.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif

/* What libc keeps beside the thread pointer: its struct pthread is under 3 KiB. */
#define LIBC_THREAD_BYTES (8 * KIB)

/* libc's own, 32 and 33: their handlers do not sleep, or never return. */
#define LIBC_SIGNALS ((uint64_t)3 << 31)

/* The helper's sleep where the kernel does not let it wait for an alarm. */
#define REFUSED_SLEEP_US 1000

/* The same as pthread_create's: a sandbox that lets threads be made knows these. */
#define CLONE_FLAGS                                                                                \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* The helper's number; 0 when there is none. Set and cleared by the kernel. */
early_data _Atomic uint32_t os_helper_thread;

/* Purpose: what the helper runs on. Owner: who holds `starting`, then the helper. */
static early_data struct {
    _Atomic bool starting;
    _Atomic bool has_files;
    _Atomic uint32_t alarm; /* 1: it is to be awake */
    char *memory;           /* storage below the thread pointer, above it, then the stack */
    size_t reach;           /* bytes on either side of the thread pointer */
    void (*body)(void);
} helper;

/* Sanitizers' runtimes must know each thread. */
#if defined(__SANITIZE_ADDRESS__) || defined(HAK_TSAN)
#define CAN_START false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAN_START false
#endif
#endif
#ifndef CAN_START
#define CAN_START true
#endif

static char *thread_pointer(void)
{
    char *pointer;
#if defined(__x86_64__)
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
    __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#else
    pointer = NULL;
#endif
    return pointer;
}

/* libc's functions find the thread's own record by these words. */
static void set_up_storage(char *pointer)
{
    memset(helper.memory, 0, 2 * helper.reach);
#if defined(__x86_64__)
    char **words = (char **)(void *)pointer;
    words[0] = words[2] = pointer;
#else
    (void)pointer;
#endif
}

static size_t distance(const char *from, const void *to)
{
    ptrdiff_t bytes = (const char *)to - from;
    return (size_t)(bytes < 0 ? -bytes : bytes);
}

/* What the helper uses, errno and lock_depth, is in the same place, seen from the thread pointer,
 * in every thread. */
static bool need_memory(void)
{
    char *pointer = thread_pointer();
    if (helper.memory || !pointer)
        return helper.memory != NULL;
    size_t away = max_size(distance(pointer, &errno), distance(pointer, &lock_depth));
    helper.reach = align_up(away + LIBC_THREAD_BYTES, os_page_size());
    helper.memory = os_reserve(2 * helper.reach + align_up(OS_HELPER_STACK, os_page_size()));
    return helper.memory != NULL;
}

/* It needs no right at all; none must stay with it when the program gives up its own. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    memset(none, 0, sizeof(none));
    if (!os_is_made_to_fail(OS_CALL_HELPER_SELF))
        syscall(SYS_capset, &header, none);
}

static int run_helper(void *unused)
{
    struct sched_param ordinary = {0};
    (void)unused;
    if (!os_is_made_to_fail(OS_CALL_HELPER_SELF))
        prctl(PR_SET_NAME, OS_NAME, 0, 0, 0);
    /* its maker may be a real-time thread; and to share descriptors makes each of the program's
     * calls on one dearer, and would show it ours */
    if (!os_is_made_to_fail(OS_CALL_HELPER_SELF))
        syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &ordinary);
    bool is_alone = !os_is_made_to_fail(OS_CALL_HELPER_SELF) &&
                    syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) == 0;
    atomic_store_explicit(&helper.has_files, is_alone, memory_order_relaxed);
    drop_capabilities();
    helper.body();
    return 0;
}

/* The kernel's mask, not libc's: that one lets libc's own signals through. */
static bool block_signals(uint64_t *saved)
{
    uint64_t all = UINT64_MAX;
    return !os_is_made_to_fail(OS_CALL_MASK) &&
           syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, saved, sizeof(all)) == 0;
}

static int clone_helper(char *stack_top, char *pointer)
{
    if (os_is_made_to_fail(OS_CALL_CLONE))
        return -1;
    return clone(run_helper, stack_top, CLONE_FLAGS, NULL, &os_helper_thread, pointer,
                 &os_helper_thread);
}

static bool start(void)
{
    uint64_t saved;
    if (!need_memory())
        return false;
    char *pointer = helper.memory + helper.reach;
    char *stack_top = helper.memory + 2 * helper.reach + OS_HELPER_STACK;
    set_up_storage(pointer);
    if (!block_signals(&saved))
        return false;
    int thread = clone_helper(stack_top, pointer);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &saved, NULL, sizeof(saved));
    return thread > 0;
}

bool os_helper_start(void (*body)(void))
{
    /* acquire and release: the memory is one thread's at a time */
    if (!CAN_START || atomic_exchange_explicit(&helper.starting, true, memory_order_acquire))
        return CAN_START;
    bool is_started = true;
    /* acquire: the last helper is off its stack */
    if (atomic_load_explicit(&os_helper_thread, memory_order_acquire) == 0) {
        helper.body = body;
        is_started = start();
    }
    atomic_store_explicit(&helper.starting, false, memory_order_release);
    return is_started;
}

void os_helper_sleep(uint64_t ms)
{
    struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    bool is_refused = os_is_made_to_fail(OS_CALL_FUTEX) ||
                      syscall(SYS_futex, &helper.alarm, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0) != 0;
    /* never a loop without sleep, whatever the kernel says */
    if (is_refused && errno != ETIMEDOUT &&
        atomic_load_explicit(&helper.alarm, memory_order_relaxed) == 0)
        os_sleep_us(REFUSED_SLEEP_US);
    /* acquire: what is wanted was said before the alarm */
    atomic_exchange_explicit(&helper.alarm, 0, memory_order_acquire);
}

static void wake_sleeper(void)
{
    if (!os_is_made_to_fail(OS_CALL_FUTEX))
        syscall(SYS_futex, &helper.alarm, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void os_helper_wake(void)
{
    if (atomic_exchange_explicit(&helper.alarm, 1, memory_order_release) == 0)
        wake_sleeper();
}

bool os_helper_has_files(void)
{
    return atomic_load_explicit(&helper.has_files, memory_order_relaxed);
}

/* ---- other threads, by /proc ---- */

static long read_of_thread(uint32_t thread, const char *name, char *buffer, size_t size)
{
    char path[64];
    text_format(path, sizeof(path), "/proc/self/task/%u/%s", thread, name);
    return os_read_file(path, buffer, size);
}

/* The number after KEY in hexadecimal or decimal; `fallback` where there is no such line. By hand:
 * libc's functions look for the locale in thread-local storage. */
static uint64_t field(const char *text, const char *key, unsigned radix, uint64_t fallback)
{
    const char *at = strstr(text, key);
    if (!at)
        return fallback;
    uint64_t value = 0;
    for (at += strlen(key); (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
        value = value * radix + (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return value;
}

bool os_helper_is_stale(void)
{
    char text[4096];
    return syscall(SYS_getuid) == 0 && os_helper_has_files() &&
           os_read_file("/proc/self/status", text, sizeof(text)) > 0 &&
           field(text, "\nUid:\t", 10, 0) != 0;
}

/* The kernel's own struct: where there is no restorer the last word is of the mask. */
struct kernel_action {
    void (*handler)(int signal);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* Of a handler whose signal is not blocked meanwhile nothing tells that a thread is in it. Not by
 * sigaction(): a library that chains signals (a JVM's) may have put its own in front, which locks,
 * and allocates. */
static bool is_any_unblocked_inside(uint64_t caught)
{
    struct kernel_action action;
    for (; caught; caught &= caught - 1)
        if (syscall(SYS_rt_sigaction, __builtin_ctzll(caught) + 1, NULL, &action,
                    sizeof(action.mask)) != 0 ||
            (action.flags & SA_NODEFER))
            return true;
    return false;
}

bool os_thread_look(uint32_t thread, struct os_thread_rest *rest)
{
    char text[4096];
    if (read_of_thread(thread, "status", text, sizeof(text)) <= 0)
        return false;
    uint64_t voluntary = field(text, "\nvoluntary_ctxt_switches:\t", 10, 0);
    rest->switches = voluntary + field(text, "\nnonvoluntary_ctxt_switches:\t", 10, 0);
    rest->may_handle_signals = field(text, "\nSigBlk:\t", 16, 1) != 0 ||
                               is_any_unblocked_inside(field(text, "\nSigCgt:\t", 16, 1) &
                                                       ~LIBC_SIGNALS);
    return voluntary > 0;
}

bool os_thread_is_asleep(uint32_t thread)
{
    char text[256];
    /* "running", or the call's number, its arguments and where it was made; -1 is no call */
    if (read_of_thread(thread, "syscall", text, sizeof(text)) <= 0 || text[0] < '0' ||
        text[0] > '9')
        return false;
    uint64_t call = field(text, "", 10, 0);
#ifdef SYS_vfork
    if (call == SYS_vfork)
        return false;
#endif
    return call != SYS_clone && call != SYS_clone3;
}

void os_helper_forget(void)
{
    atomic_store_explicit(&os_helper_thread, 0, memory_order_relaxed);
    atomic_store_explicit(&helper.starting, false, memory_order_relaxed);
}
