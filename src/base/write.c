/* SPDX-License-Identifier: MIT */
/*
 * Owns writes that the program does not know of. Such a write may never raise a signal that ends
 * the program, be a cancellation point of its thread, or go into a file that the program has opened
 * under the number of standard error. Keeps no descriptor.
 */
#include "base/base.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

early_data bool (*write_is_filtered)(void);

/* Purpose: the file that descriptor 2 was when the allocator started. Written once, at that
 * time. */
static early_data struct {
    bool is_known;
    bool is_open;
    dev_t device;
    ino_t inode;
} at_start;

/* A filter may end the program for calls that it does not expect. Under a filter the only call made
 * is the write itself. */
static bool is_filtered(void)
{
    return write_is_filtered && write_is_filtered();
}

/* ---- signals: the kernel's sets are one word ---- */

static uint64_t signal_bit(int signal)
{
    return (uint64_t)1 << (signal - 1);
}

/* Pending signals of the thread and of the process. */
static uint64_t pending_signals(void)
{
    uint64_t pending = 0;
    syscall(SYS_rt_sigpending, &pending, sizeof(pending));
    return pending;
}

/* Consume the signal that our write has sent to the calling thread. */
static void swallow_signal(uint64_t signal)
{
    const struct timespec at_once = {0, 0};
    syscall(SYS_rt_sigtimedwait, &signal, NULL, &at_once, sizeof(signal));
}

/* As write(2), with the signals blocked. A signal that was pending before belongs to the program
 * and stays pending: ours has merged with it. */
static long write_blocked(int fd, const void *text, size_t length)
{
    uint64_t before = pending_signals();
    long written = syscall(SYS_write, fd, text, length);
    int saved = errno;
    uint64_t sent = written >= 0     ? 0
                    : saved == EPIPE ? signal_bit(SIGPIPE)
                    : saved == EFBIG ? signal_bit(SIGXFSZ)
                                     : 0;
    if (sent & ~before)
        swallow_signal(sent);
    errno = saved;
    return written;
}

long write_quietly(int fd, const void *text, size_t length)
{
    uint64_t block = signal_bit(SIGPIPE) | signal_bit(SIGXFSZ);
    uint64_t old = 0;
    if (is_filtered() || syscall(SYS_rt_sigprocmask, SIG_BLOCK, &block, &old, sizeof(block)) != 0)
        return syscall(SYS_write, fd, text, length);
    long written = write_blocked(fd, text, length);
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
    errno = saved;
    return written;
}

/* ---- standard error ---- */

void write_remember_stderr(void)
{
    struct stat status;
    int saved = errno;
    if (is_filtered())
        return;
    at_start.is_open = fstat(STDERR_FILENO, &status) == 0;
    if (at_start.is_open) {
        at_start.device = status.st_dev;
        at_start.inode = status.st_ino;
    }
    at_start.is_known = true;
    errno = saved;
}

/* A program may put a pipe or a terminal there later. Any other file or socket is more likely the
 * program's own data: it got the number 2 because standard error was closed. */
bool write_may_use_stderr(bool is_fatal)
{
    struct stat status;
    int saved = errno;
    if (is_filtered())
        return is_fatal;
    if (!at_start.is_known)
        write_remember_stderr();
    bool may = at_start.is_open && fstat(STDERR_FILENO, &status) == 0 &&
               ((status.st_dev == at_start.device && status.st_ino == at_start.inode) ||
                S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
    errno = saved;
    return may;
}
