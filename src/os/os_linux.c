/* SPDX-License-Identifier: MIT */
/*
 * Linux: the calls on memory (mmap, madvise, mremap and their like), the clocks, and files. Each
 * function calls the kernel through libc's thin wrappers and reports failure by its return value.
 * None may print. A call is repeated only in these cases: a read or write was interrupted, or the
 * kernel refused for the moment to forbid huge pages. A purge may take several calls.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_KEEPONFORK
#define MADV_KEEPONFORK 19
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

early_data bool (*os_inject_failure)(enum os_call call);

/* Bytes purged in one call. The kernel holds its lock on all mappings during the call: 20 us for
 * 256 KiB in pages of 4 KiB. Calls of 1 MiB take 60 us, but one in ten of them takes more than 100
 * us while other threads run. Of calls of 256 KiB at most four in a thousand do. */
#define PURGE_CALL (256 * KIB)

/* The most ranges purged by mapping in a process that installed a filter while it ran: each such
 * range is a mapping of its own. */
#define PURGED_MAPPINGS_MAX 4096

/* How often an interrupted call is repeated. The bound ends a call that is interrupted each
 * time. */
#define INTERRUPTIONS_MAX 100

static void *map_anonymous(void *address, size_t size, int flags)
{
    void *mapped = mmap(address, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
    return mapped == MAP_FAILED ? NULL : mapped;
}

void *os_reserve(size_t size)
{
    if (os_is_made_to_fail(OS_CALL_RESERVE))
        return NULL;
    return map_anonymous(NULL, size, 0);
}

/* madvise, if an optional call may be made. */
static bool advise(void *address, size_t size, int advice)
{
    if (!os_call_begin())
        return false;
    bool is_done = madvise(address, size, advice) == 0;
    os_call_end();
    return is_done;
}

enum os_map_result os_map_at(void *address, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_MAP))
        return errno == EEXIST ? OS_MAP_OCCUPIED : OS_MAP_NO_MEMORY;
    /* Chromium's filter ends the program for flags that glibc's malloc does not use. Without this
     * flag the kernel takes the address as a hint, and follows it if the range is free. */
    void *mapped = map_anonymous(address, size, os_is_filtered() ? 0 : MAP_FIXED_NOREPLACE);
    if (!mapped)
        return errno == EEXIST ? OS_MAP_OCCUPIED : OS_MAP_NO_MEMORY;
    if (mapped == address) {
        /* neighbours merge into one mapping only if their attributes are the same */
        os_allow_huge_pages(address, size, false);
        os_name(address, size, OS_NAME);
        return OS_MAP_DONE;
    }
    /* the kernel took the address as a hint: under a filter, or before Linux 4.17 */
    os_unmap(mapped, size);
    return OS_MAP_OCCUPIED;
}

void *os_find_room(size_t size)
{
    if (os_is_made_to_fail(OS_CALL_ROOM))
        return NULL;
    void *mapped = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    munmap(mapped, size);
    return mapped;
}

bool os_unmap(void *address, size_t size)
{
    return !os_is_made_to_fail(OS_CALL_UNMAP) && os_may_give_back() && munmap(address, size) == 0;
}

bool os_remap_fresh(void *address, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_REMAP) || !map_anonymous(address, size, MAP_FIXED))
        return false;
    os_allow_huge_pages(address, size, false);
    os_name(address, size, OS_NAME);
    return true;
}

bool os_populate(void *address, size_t size)
{
    return !os_is_made_to_fail(OS_CALL_POPULATE) && advise(address, size, MADV_POPULATE_WRITE);
}

void os_touch(void *address, size_t size)
{
    size_t page = os_page_size();
    for (size_t offset = 0; offset < size; offset += page) {
        volatile char *byte = (volatile char *)address + offset;
        *byte = *byte;
    }
}

/* Bytes that mincore may write for a page: one. An emulator that has pages of 64 KiB on a machine
 * with pages of 4 KiB passes on the answer of the machine: 16. */
#define PRESENT_BYTES 16

/* How often huge pages are forbidden again after a refusal. A refusal is temporary: the kernel had
 * no memory to split a mapping. */
#define FORBID_ATTEMPTS 4

/* mincore, if an optional call may be made. */
static bool ask_present(void *address, size_t size, unsigned char *present)
{
    if (os_is_made_to_fail(OS_CALL_PRESENT) || !os_call_begin())
        return false;
    bool is_done = mincore(address, size, present) == 0;
    os_call_end();
    return is_done;
}

bool os_back_huge_page(void *address, size_t size)
{
    size_t page = os_page_size();
    unsigned char is_present[PRESENT_BYTES] = {0};
    if (os_is_made_to_fail(OS_CALL_HUGE_PAGE) || !advise(address, size, MADV_HUGEPAGE))
        return false;
    bool is_done = !os_is_made_to_fail(OS_CALL_HUGE_PAGE) &&
                   advise(address, page, MADV_POPULATE_WRITE);
    os_allow_huge_pages(address, size, false);
    if (!is_done)
        return false;
    /* If the kernel does not say, the page counts as present. A wrong yes costs a fault; a wrong no
     * would leave pages that no record counts. */
    return !ask_present((char *)address + size - page, page, is_present) || (is_present[0] & 1);
}

void os_allow_huge_pages(void *address, size_t size, bool allow)
{
    /* forbidding is repeated: the kernel would fill a range that stays allowed with huge pages */
    for (unsigned attempt = 0; attempt < (allow ? 1 : FORBID_ATTEMPTS); attempt++)
        if (!os_is_made_to_fail(OS_CALL_ADVISE) &&
            advise(address, size, allow ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
            return;
}

size_t os_present_pages(void *address, size_t count)
{
    unsigned char present[64 * PRESENT_BYTES];
    size_t pages = 0;
    count = min_size(count, 64);
    if (!ask_present(address, count * os_page_size(), present))
        return 0;
    for (size_t i = 0; i < count; i++)
        pages += present[i] & 1;
    return pages;
}

/* Purge under a filter: map fresh pages in place of the old ones. The fresh range is a mapping of
 * its own if calls made before the filter gave the mappings around it attributes. */
static bool purge_by_mapping(void *address, size_t size)
{
    static _Atomic unsigned purged;
    if (!os_may_give_back())
        return false;
    if (os_was_unfiltered() &&
        atomic_fetch_add_explicit(&purged, 1, memory_order_relaxed) >= PURGED_MAPPINGS_MAX)
        return false;
    return map_anonymous(address, size, MAP_FIXED) != NULL;
}

bool os_purge_whole(void *address, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_PURGE))
        return false;
    return os_is_filtered() ? purge_by_mapping(address, size)
                            : advise(address, size, MADV_DONTNEED);
}

bool os_purge(void *address, size_t size)
{
    for (size_t done = 0; done < size; done += PURGE_CALL)
        if (!os_purge_whole((char *)address + done, min_size(size - done, PURGE_CALL)))
            return false;
    return true;
}

bool os_move(void *from, void *to, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_MOVE)) {
        os_unmap(to, size); /* the worst failure that the kernel may produce */
        return false;
    }
    return mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

bool os_is_one_mapping(void *address, size_t size, size_t too_long)
{
    /* The kernel answers ENOMEM (the mapping cannot grow so far) only after it has found that the
     * range lies within one mapping; otherwise it answers EFAULT. */
    if (os_is_made_to_fail(OS_CALL_ONE) || !os_call_begin())
        return true;
    bool is_one = mremap(address, size, too_long, 0) != MAP_FAILED || errno != EFAULT;
    os_call_end();
    return is_one;
}

static bool is_locked(void *address)
{
    size_t page = os_page_size();
    void *start = (void *)align_down((uintptr_t)address, page);
    return msync(start, page, MS_ASYNC | MS_INVALIDATE) != 0 && errno == EBUSY;
}

bool os_is_like(void *address, size_t size, void *other)
{
    if (os_is_made_to_fail(OS_CALL_ONE) || !os_call_begin())
        return true;
    bool is_like = !is_locked(address) || is_locked(other);
    /* refused for all mappings but private anonymous ones */
    if (is_like && madvise(address, size, MADV_WIPEONFORK) != 0)
        is_like = errno != EINVAL;
    else if (is_like)
        madvise(address, size, MADV_KEEPONFORK);
    os_call_end();
    return is_like;
}

bool os_make_plain(void *address, size_t size)
{
    static const int advices[] = {MADV_DOFORK, MADV_KEEPONFORK, MADV_DODUMP, MADV_NORMAL};
    if (!os_call_begin())
        return true;
    bool is_done = mprotect(address, size, PROT_READ | PROT_WRITE) == 0;
    for (size_t i = 0; is_done && i < sizeof(advices) / sizeof(advices[0]); i++)
        is_done = madvise(address, size, advices[i]) == 0;
    os_call_end();
    return is_done;
}

void os_dump(void *address, size_t size, bool include)
{
    if (!os_is_made_to_fail(OS_CALL_ADVISE))
        advise(address, size, include ? MADV_DODUMP : MADV_DONTDUMP);
}

bool os_wipe_on_fork(void *address, size_t size)
{
    return !os_is_made_to_fail(OS_CALL_ADVISE) && advise(address, size, MADV_WIPEONFORK);
}

void os_name(void *address, size_t size, const char *name)
{
    static bool has_no_names; /* the kernel is built without them; a race only costs another call */
    if (word_load(&has_no_names) || os_is_made_to_fail(OS_CALL_NAME) || !os_call_begin())
        return;
    bool is_done = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, address, size, name) == 0;
    os_call_end();
    if (!is_done && errno == EINVAL)
        word_store(&has_no_names, true);
}

bool os_could_commit(size_t size)
{
    if (os_is_made_to_fail(OS_CALL_COMMIT))
        return false;
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return false;
    munmap(mapped, size);
    return true;
}

size_t os_page_size(void)
{
    static early_data _Atomic size_t page_size;
    size_t size = atomic_load_explicit(&page_size, memory_order_relaxed);
    if (unlikely(size == 0)) {
        size = (size_t)getpagesize();
        atomic_store_explicit(&page_size, size, memory_order_relaxed);
    }
    return size;
}

/* Does libc read the clock without a system call (the kernel's vDSO)? */
static bool is_clock_free(void)
{
    return getauxval(AT_SYSINFO_EHDR) != 0;
}

uint64_t os_now_ms(void)
{
    struct timespec now = {0, 0};
    if (!os_is_made_to_fail(OS_CALL_CLOCK) && (!os_is_filtered() || is_clock_free()))
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t os_cpu_time_us(void)
{
    struct timespec now = {0, 0};
    if (!os_is_made_to_fail(OS_CALL_CLOCK) && os_call_begin()) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        os_call_end();
    }
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void os_sleep_us(unsigned us)
{
    static uint32_t never;
    struct timespec time = {0, (long)us * 1000};
    /* no thread wakes this word; futex, unlike nanosleep, is a call that every malloc makes */
    if (!os_is_made_to_fail(OS_CALL_SLEEP))
        syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
}

static int open_file(const char *path)
{
    return os_is_made_to_fail(OS_CALL_OPEN) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

/* As read(), but repeated when it is interrupted. */
static ssize_t read_some(int fd, char *buffer, size_t size)
{
    for (unsigned tries = 0;; tries++) {
        ssize_t got = os_is_made_to_fail(OS_CALL_READ) ? -1 : read(fd, buffer, size);
        if (got >= 0 || errno != EINTR || tries == INTERRUPTIONS_MAX)
            return got;
    }
}

static ssize_t write_some(int fd, const char *text, size_t length)
{
    for (unsigned tries = 0;; tries++) {
        ssize_t written = os_is_made_to_fail(OS_CALL_WRITE) ? -1 : write_quietly(fd, text, length);
        if (written >= 0 || errno != EINTR || tries == INTERRUPTIONS_MAX)
            return written;
    }
}

static long read_file(const char *path, char *buffer, size_t size)
{
    int fd = open_file(path);
    if (fd < 0)
        return -1;
    size_t used = 0;
    for (;;) {
        ssize_t got = read_some(fd, buffer + used, size - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    buffer[used] = '\0';
    return (long)used;
}

long os_read_file(const char *path, char *buffer, size_t size)
{
    if (!os_call_begin())
        return -1;
    long length = read_file(path, buffer, size);
    os_call_end();
    return length;
}

static int create_file(const char *path, mode_t mode)
{
    /* the calls on this file are not optional calls: a setting of the program has asked for the
     * file */
    if (os_is_made_to_fail(OS_CALL_CREATE) || !os_call_begin())
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    os_call_end();
    return fd;
}

bool os_file_exists(const char *path)
{
    struct stat status;
    if (!os_call_begin())
        return false;
    bool is_there = lstat(path, &status) == 0;
    os_call_end();
    return is_there;
}

int os_create_file(const char *path)
{
    return create_file(path, 0600);
}

int os_create_public_file(const char *path)
{
    return create_file(path, 0644);
}

static bool rename_file(const char *from, const char *to)
{
    struct stat status;
    bool is_replaceable = lstat(to, &status) != 0 || S_ISREG(status.st_mode);
    return is_replaceable && !os_is_made_to_fail(OS_CALL_RENAME) && rename(from, to) == 0;
}

bool os_rename_file(const char *from, const char *to)
{
    if (!os_call_begin())
        return false;
    bool is_done = rename_file(from, to);
    os_call_end();
    return is_done;
}

void os_remove_file(const char *path)
{
    if (os_is_made_to_fail(OS_CALL_REMOVE) || !os_call_begin())
        return;
    unlink(path);
    os_call_end();
}

bool os_write_file(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write_some(fd, text, length);
        if (written <= 0)
            return false;
        text += written;
        length -= (size_t)written;
    }
    return true;
}

void os_close_file(int fd)
{
    close(fd);
}

bool os_is_readable(const void *word)
{
    const struct timespec at_once = {0, 0};
    if (os_is_made_to_fail(OS_CALL_PROBE) || os_is_filtered())
        return true;
    /* The kernel compares the word with a number before it waits. The time of the wait is 0. */
    return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, UINT32_C(0x7ea5ab1e), &at_once, NULL, 0) ==
               0 ||
           errno != EFAULT;
}
