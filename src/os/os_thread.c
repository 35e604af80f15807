/* SPDX-License-Identifier: MIT */
/*
 * Linux: threads. The numbers of the program's threads, a barrier in all of them, and the helper
 * thread, made by clone() itself. libc does not know of the helper: pthread_create would allocate
 * (that is, call us), and would end the shortcuts that libc takes in programs of one thread. Owns
 * the helper's stack and its thread-local storage: one mapping that is kept and used again. Relies
 * on the kernel to clear os_helper_thread when the thread has ended, by exit or by exec.
 *
 * The helper must be worthless to an attacker who takes over the process, and must not keep rights
 * that the program gives up. So before its first work it gives up all that it can: capabilities,
 * file descriptors, the shared working directory and root, and every system call that its work does
 * not need. If a single step fails, the helper ends at once, and no other is started.
 */
#include "os/os.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/kcmp.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
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

/* Bytes that libc may use on either side of the thread pointer: its struct pthread is under 3
 * KiB. */
#define LIBC_THREAD_BYTES (8 * KIB)

/* How long the helper sleeps when the kernel refuses to let it wait on a futex. */
#define REFUSED_SLEEP_US 1000

/* How often os_helper_end looks whether the helper has ended, and the time between two looks. */
#define END_LOOKS 10000
#define END_LOOK_US 100

/* The flags of pthread_create. */
#define CLONE_FLAGS                                                                                \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* The helper's number; 0 when there is no helper. The kernel sets and clears it. */
early_data _Atomic uint32_t os_helper_thread;

/* Purpose: the memory and the state of the helper. Owner: the thread that has set `starting`, then
 * the helper. */
static early_data struct {
    _Atomic bool starting;
    _Atomic bool is_given_up; /* start no more: not confined, or a filter is to be installed */
    uint32_t wake;            /* the futex of its sleep; 1 when it must end */
    uint32_t process;
    char *memory; /* the storage below and above the thread pointer, then the stack */
    size_t reach; /* bytes on either side of the thread pointer */
    void (*body)(void);
} helper;

/* The runtime of a sanitizer must know each thread. */
#if defined(__SANITIZE_ADDRESS__) || defined(HAK_TSAN)
#define CAN_START false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAN_START false
#endif
#endif

/* The processors whose system calls the filter can check. */
#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#define FILTER_ARCH 0
#ifndef CAN_START
#define CAN_START false
#endif
#endif
#ifndef CAN_START
#define CAN_START true
#endif

/* ---- the program's threads ---- */

struct os_thread_number os_thread_number(void)
{
    if (!os_call_begin())
        return (struct os_thread_number){0, 0};
    struct os_thread_number number = {(uint32_t)getpid(), (uint32_t)syscall(SYS_gettid)};
    os_call_end();
    return number;
}

bool os_thread_is_gone(struct os_thread_number number)
{
    /* A number from another process proves nothing here: a child of vfork, which is another
     * process, runs on the memory of its parent. */
    if (number.thread == 0 || !os_call_begin())
        return false;
    bool is_gone = number.process == (uint32_t)getpid() &&
                   syscall(SYS_tgkill, number.process, number.thread, 0) != 0 && errno == ESRCH;
    os_call_end();
    return is_gone;
}

static bool call_membarrier(int command)
{
    if (!os_call_begin())
        return false;
    bool is_done = syscall(SYS_membarrier, command, 0, 0) == 0;
    os_call_end();
    return is_done;
}

bool os_barrier(void)
{
    if (os_is_made_to_fail(OS_CALL_BARRIER))
        return false;
    if (call_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        return true;
    /* a process must register for the barrier once */
    return errno == EPERM && call_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
           call_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

/* ---- the helper's memory ---- */

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

/* libc's functions find the thread's own record through these words. */
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

/* The helper uses errno and lock_depth. Both are at the same distance from the thread pointer in
 * every thread. */
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

/* ---- the helper's confinement ---- */

static bool may_step(void)
{
    return !os_is_made_to_fail(OS_CALL_HELPER_SELF);
}

/* The helper may keep no capability when the program gives up its own. If the bounding set cannot
 * be changed, the other sets hold no capability that could use it. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    memset(none, 0, sizeof(none));
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;)
        capability++;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return may_step() && syscall(SYS_capset, &header, none) == 0;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE ANSWER(SECCOMP_RET_ERRNO | EPERM)
/* Run the next `count` statements only for this value. */
#define ONLY_FOR(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define ALLOW(name) ONLY_FOR(SYS_##name, 1), ANSWER(SECCOMP_RET_ALLOW)
/* Allow the call unless its argument has one of these bits. */
#define ALLOW_WITHOUT(name, argument, bits)                                                        \
    ONLY_FOR(SYS_##name, 4), LOAD(args[argument]),                                                 \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1), REFUSE, ANSWER(SECCOMP_RET_ALLOW)
/* Allow the call if its argument has this value. */
#define ALLOW_WITH(name, argument, value)                                                          \
    ONLY_FOR(SYS_##name, 4), LOAD(args[argument]), ONLY_FOR(value, 1), ANSWER(SECCOMP_RET_ALLOW),  \
        REFUSE

/* Allow the calls that the helper's work needs: to age caches, take from idle threads, sleep and
 * end. No call may use a path, a descriptor, another process or a signal, or make memory
 * executable. Any other call is refused with an error, so that the program survives whatever a libc
 * may try. */
static bool install_filter(void)
{
    static const struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
        REFUSE,
        LOAD(nr),
        ALLOW(madvise),
        ALLOW(futex),
        ALLOW(membarrier),
        ALLOW(clock_gettime),
        ALLOW(clock_nanosleep),
        ALLOW(nanosleep),
        ALLOW(restart_syscall),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(mincore),
        ALLOW(rt_sigreturn),
        ALLOW(exit),
        ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
        ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
        ALLOW_WITH(kcmp, 2, KCMP_VM),
        REFUSE,
    };
    struct sock_fprog program = {
        .len = (unsigned short)(sizeof(filter) / sizeof(filter[0])),
        .filter = (struct sock_filter *)(uintptr_t)filter,
    };
    return may_step() && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* The helper gets an empty table of descriptors of its own. A shared table would make the program's
 * calls on descriptors slower, and would give the helper access to its files. */
static bool confine(void)
{
    return may_step() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && may_step() &&
           syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) == 0 && may_step() &&
           unshare(CLONE_FS | CLONE_SYSVSEM) == 0 && drop_capabilities() && install_filter();
}

static int run_helper(void *unused)
{
    struct sched_param ordinary = {0};
    (void)unused;
    prctl(PR_SET_NAME, OS_NAME, 0, 0, 0);
    /* the thread that started it may be a real-time thread */
    syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &ordinary);
    if (confine())
        helper.body();
    else
        atomic_store_explicit(&helper.is_given_up, true, memory_order_relaxed);
    return 0;
}

/* ---- the helper's start ---- */

/* Change the kernel's mask directly: libc's function leaves libc's own signals unblocked. */
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

static bool need_helper(void (*body)(void))
{
    /* acquire and release: one thread at a time uses the memory */
    if (atomic_exchange_explicit(&helper.starting, true, memory_order_acquire))
        return true;
    bool is_started = true;
    /* acquire: the last helper has left its stack */
    if (atomic_load_explicit(&os_helper_thread, memory_order_acquire) == 0) {
        helper.body = body;
        helper.process = (uint32_t)getpid();
        is_started = start();
    }
    atomic_store_explicit(&helper.starting, false, memory_order_release);
    return is_started;
}

bool os_helper_start(void (*body)(void))
{
    if (!CAN_START || !os_call_begin())
        return false;
    bool is_started = !atomic_load_explicit(&helper.is_given_up, memory_order_relaxed) &&
                      need_helper(body);
    os_call_end();
    return is_started;
}

/* A filter for all threads (TSYNC) would be refused because of the helper's own. */
void os_helper_end(void)
{
    uint32_t thread = atomic_load_explicit(&os_helper_thread, memory_order_relaxed);
    atomic_store_explicit(&helper.is_given_up, true, memory_order_relaxed);
    word_store(&helper.wake, 1);
    if (thread == 0)
        return;
    syscall(SYS_futex, &helper.wake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    /* the helper may be in the middle of an epoch's work */
    for (unsigned look = 0; look < END_LOOKS; look++) {
        if (syscall(SYS_tgkill, getpid(), thread, 0) != 0)
            break;
        os_sleep_us(END_LOOK_US);
    }
}

bool os_helper_is_to_end(void)
{
    return word_load(&helper.wake) != 0;
}

void os_helper_sleep(uint64_t ms)
{
    struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    bool is_refused = os_is_made_to_fail(OS_CALL_FUTEX) ||
                      syscall(SYS_futex, &helper.wake, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0) != 0;
    /* this never becomes a loop without sleep, whatever the kernel answers */
    if (is_refused && errno != ETIMEDOUT)
        os_sleep_us(REFUSED_SLEEP_US);
}

bool os_helper_is_this_thread(void)
{
    const char *here = __builtin_frame_address(0);
    return helper.memory && here >= helper.memory + 2 * helper.reach &&
           here <= helper.memory + 2 * helper.reach + OS_HELPER_STACK;
}

uint32_t os_helper_process(void)
{
    return helper.process;
}

bool os_helper_finds_gone(uint32_t thread)
{
    /* A main thread that has ended stays, without memory, until the process ends. A number that now
     * belongs to another process has other memory. */
    uint32_t own = atomic_load_explicit(&os_helper_thread, memory_order_relaxed);
    long order = syscall(SYS_kcmp, own, thread, KCMP_VM, 0, 0);
    return order > 0 || (order < 0 && errno == ESRCH);
}

void os_helper_forget(void)
{
    atomic_store_explicit(&os_helper_thread, 0, memory_order_relaxed);
    atomic_store_explicit(&helper.starting, false, memory_order_relaxed);
}
