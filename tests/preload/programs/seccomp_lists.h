/* SPDX-License-Identifier: MIT */
/*
 * Owns the filters of seccomp.c: their statements, and the lists of known programs.
 */
#ifndef TESTS_PRELOAD_SECCOMP_LISTS_H
#define TESTS_PRELOAD_SECCOMP_LISTS_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* ---- a filter under construction ---- */

static struct sock_filter filter[8192];
static unsigned short length;
/* The numbers that are allowed whatever their arguments, for libseccomp. */
static int plain_numbers[512];
static unsigned plain_count;

static void put(struct sock_filter statement)
{
    filter[length++] = statement;
}

static void load(size_t offset)
{
    put((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void answer(unsigned action)
{
    put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void only_for(long number, unsigned char statements)
{
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, statements));
}

static void rule(long number, unsigned action)
{
    only_for(number, 1);
    answer(action);
}

static void allow(const long *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rule(numbers[i], SECCOMP_RET_ALLOW);
        plain_numbers[plain_count++] = (int)numbers[i];
    }
}
#define ALLOW(...) allow((long[]){__VA_ARGS__}, sizeof((long[]){__VA_ARGS__}) / sizeof(long))

static void refuse(const long *numbers, size_t count, int error)
{
    for (size_t i = 0; i < count; i++)
        rule(numbers[i], SECCOMP_RET_ERRNO | (unsigned)error);
}
#define REFUSE(error, ...)                                                                         \
    refuse((long[]){__VA_ARGS__}, sizeof((long[]){__VA_ARGS__}) / sizeof(long), error)

/* Allowed if the argument has no bit but these. */
static void allow_bits(long number, unsigned argument, unsigned bits, unsigned otherwise)
{
    only_for(number, 4);
    load(offsetof(struct seccomp_data, args) + 8 * argument);
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, ~bits, 0, 1));
    answer(otherwise);
    answer(SECCOMP_RET_ALLOW);
}

/* Allowed if the argument, without some bits, is one of these. */
static void allow_values(long number, unsigned argument, unsigned mask, const unsigned *values,
                         unsigned char count, unsigned otherwise)
{
    only_for(number, (unsigned char)(3 + 2 * count));
    load(offsetof(struct seccomp_data, args) + 8 * argument);
    put((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    for (unsigned i = 0; i < count; i++)
        rule(values[i], SECCOMP_RET_ALLOW);
    answer(otherwise);
}
#define ALLOW_VALUES(number, argument, mask, otherwise, ...)                                       \
    allow_values(number, argument, mask, (unsigned[]){__VA_ARGS__},                                \
                 sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned), otherwise)

static void begin(void)
{
    length = 0;
    plain_count = 0;
    load(offsetof(struct seccomp_data, nr));
}

/* ---- known programs' lists ---- */

#define KILL SECCOMP_RET_KILL_PROCESS

#ifdef SYS_open
#define OPEN_CALLS SYS_open, SYS_stat, SYS_lstat
#define OLD_WAITS SYS_poll, SYS_select, SYS_time
#define OLD_CALLS SYS_pipe, SYS_dup2, SYS_epoll_wait, SYS_epoll_create, SYS_access, SYS_readlink
#else
#define OPEN_CALLS SYS_openat
#define OLD_WAITS SYS_ppoll
#define OLD_CALLS SYS_pipe2
#endif

/* What OpenSSH allows before a user is known (sandbox-seccomp-filter.c). */
static void list_openssh(void)
{
    unsigned bits = PROT_READ | PROT_WRITE;
    begin();
    REFUSE(EACCES, OPEN_CALLS, SYS_openat, SYS_fstat, SYS_newfstatat, SYS_shmget, SYS_shmat,
           SYS_shmdt);
    ALLOW(SYS_brk, SYS_clock_gettime, SYS_close, SYS_exit, SYS_exit_group, SYS_futex, SYS_geteuid,
          SYS_getpgid, SYS_getpid, SYS_getrandom, SYS_gettimeofday, SYS_getuid, SYS_madvise,
          SYS_mremap, SYS_munmap, SYS_nanosleep, SYS_clock_nanosleep, SYS_pselect6, SYS_read,
          SYS_rt_sigprocmask, SYS_shutdown, SYS_write, OLD_WAITS);
    allow_bits(SYS_mmap, 2, bits, KILL);
    allow_bits(SYS_mprotect, 2, bits, KILL);
    answer(KILL);
}

/* dhcpcd's (privsep-linux.c): without mremap, madvise, futex and mprotect. */
static void list_dhcpcd(void)
{
    begin();
    ALLOW(SYS_accept, SYS_brk, SYS_clock_gettime, SYS_close, SYS_exit_group, SYS_fcntl, SYS_fstat,
          SYS_gettimeofday, SYS_getpid, SYS_mmap, SYS_munmap, SYS_nanosleep, SYS_ppoll, SYS_read,
          SYS_readv, SYS_recvfrom, SYS_recvmsg, SYS_rt_sigreturn, SYS_sendmsg, SYS_sendto,
          SYS_shutdown, SYS_wait4, SYS_write, SYS_writev, SYS_uname);
    answer(KILL);
}

/* Chromium's for its renderers (baseline_policy.cc, and mremap): single flags and advices end the
 * program. */
static void list_chromium(void)
{
    begin();
    REFUSE(EPERM, OPEN_CALLS, SYS_openat, SYS_newfstatat, SYS_getcwd, SYS_execve, SYS_socket,
           SYS_set_robust_list, SYS_seccomp);
    REFUSE(ENOSYS, SYS_clone3, SYS_statx);
    ALLOW(SYS_brk, SYS_mlock, SYS_munlock, SYS_munmap, SYS_mremap, SYS_mincore, SYS_sched_yield,
          SYS_nanosleep, SYS_fstat, SYS_ftruncate, SYS_lseek, SYS_ppoll, SYS_pread64, SYS_read,
          SYS_readv, SYS_recvmsg, SYS_pselect6, SYS_sendmsg, SYS_write, SYS_writev,
          SYS_gettimeofday, SYS_clock_gettime, SYS_clock_nanosleep, SYS_exit, SYS_exit_group,
          SYS_wait4, SYS_waitid, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
          SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_getpid, SYS_gettid, SYS_getuid,
          SYS_restart_syscall, SYS_close, SYS_dup, SYS_uname, SYS_rseq, SYS_getrandom, OLD_WAITS);
    ALLOW_VALUES(SYS_clone, 0, ~0U, SECCOMP_RET_ERRNO | EPERM,
                 CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID);
    ALLOW_VALUES(SYS_futex, 1, ~(unsigned)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), KILL,
                 FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP,
                 FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET);
    ALLOW_VALUES(SYS_madvise, 2, ~0U, SECCOMP_RET_ERRNO | EPERM, MADV_DONTNEED, MADV_RANDOM,
                 MADV_REMOVE, MADV_NORMAL, MADV_FREE);
    ALLOW_VALUES(SYS_prctl, 0, ~0U, KILL, PR_GET_NAME, PR_SET_NAME, PR_GET_DUMPABLE,
                 PR_SET_DUMPABLE);
    allow_bits(SYS_mmap, 3,
               MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE | MAP_FIXED |
                   MAP_DENYWRITE | MAP_LOCKED,
               KILL);
    allow_bits(SYS_mprotect, 2, PROT_READ | PROT_WRITE | PROT_EXEC, KILL);
    answer(KILL);
}

#endif
