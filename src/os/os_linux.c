/* SPDX-License-Identifier: MIT */
/*
 * Linux: the only file with mmap, madvise, mremap, prctl and /proc. Called by every layer above;
 * calls the kernel through libc's thin wrappers. Each wrapper does one thing and reports failure by
 * its return value; but for interrupted reads and writes none retries, and none prints.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
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

/* A call that is interrupted is made again so often; one that always is does not hold us up. */
#define INTERRUPTIONS_MAX 100

bool os_is_filtered(void)
{
    return false;
}

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
    void *mapped = map_anonymous(NULL, size, 0);
    if (mapped) {
        os_dump(mapped, size, false);
        os_allow_huge(mapped, size, false);
    }
    return mapped;
}

void os_forbid(void *address, size_t size)
{
    if (!os_is_made_to_fail(OS_CALL_FORBID))
        mprotect(address, size, PROT_NONE);
}

bool os_permit(void *address, size_t size)
{
    return !os_is_made_to_fail(OS_CALL_PERMIT) &&
           mprotect(address, size, PROT_READ | PROT_WRITE) == 0;
}

enum os_map_result os_map_at(void *address, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_MAP))
        return errno == EEXIST ? OS_MAP_OCCUPIED : OS_MAP_NO_MEMORY;
    void *mapped = map_anonymous(address, size, MAP_FIXED_NOREPLACE);
    if (!mapped)
        return errno == EEXIST ? OS_MAP_OCCUPIED : OS_MAP_NO_MEMORY;
    if (mapped == address)
        return OS_MAP_DONE;
    /* a kernel before 4.17 takes the address as a hint only */
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
    return !os_is_made_to_fail(OS_CALL_UNMAP) && munmap(address, size) == 0;
}

bool os_remap_fresh(void *address, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_REMAP) || !map_anonymous(address, size, MAP_FIXED))
        return false;
    /* as the reservation is, or it would never merge with its neighbours */
    os_allow_huge(address, size, false);
    os_name(address, size, OS_NAME);
    return true;
}

bool os_populate(void *address, size_t size)
{
    return !os_is_made_to_fail(OS_CALL_POPULATE) &&
           madvise(address, size, MADV_POPULATE_WRITE) == 0;
}

void os_touch(void *address, size_t size)
{
    size_t page = os_page_size();
    for (size_t offset = 0; offset < size; offset += page) {
        volatile char *byte = (volatile char *)address + offset;
        *byte = *byte;
    }
}

/* Bytes that mincore may write for a page: one, but for an emulator that has pages of 64 KiB on a
 * machine with pages of 4 KiB, and passes the answer on. */
#define PRESENT_BYTES 16

/* A refusal to forbid huge pages is of the moment: no memory to split a mapping. */
#define FORBID_ATTEMPTS 4

bool os_back_huge(void *address, size_t size)
{
    size_t page = os_page_size();
    unsigned char is_present[PRESENT_BYTES] = {0};
    if (os_is_made_to_fail(OS_CALL_HUGE) || madvise(address, size, MADV_HUGEPAGE) != 0)
        return false;
    bool is_done = !os_is_made_to_fail(OS_CALL_HUGE) &&
                   madvise(address, page, MADV_POPULATE_WRITE) == 0;
    os_allow_huge(address, size, false);
    if (!is_done)
        return false;
    /* where it cannot be told it is taken to be: to be wrong costs a fault, and the other way pages
     * that nobody knows of */
    return os_is_made_to_fail(OS_CALL_PRESENT) ||
           mincore((char *)address + size - page, page, is_present) != 0 || (is_present[0] & 1);
}

void os_allow_huge(void *address, size_t size, bool allow)
{
    /* what stays allowed the kernel fills up: so that is tried again */
    for (unsigned attempt = 0; attempt < (allow ? 1 : FORBID_ATTEMPTS); attempt++)
        if (!os_is_made_to_fail(OS_CALL_ADVISE) &&
            madvise(address, size, allow ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0)
            return;
}

size_t os_present_pages(void *address, size_t count)
{
    unsigned char present[64 * PRESENT_BYTES];
    size_t pages = 0;
    count = min_size(count, 64);
    if (os_is_made_to_fail(OS_CALL_PRESENT) ||
        mincore(address, count * os_page_size(), present) != 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        pages += present[i] & 1;
    return pages;
}

bool os_purge(void *address, size_t size)
{
    return !os_is_made_to_fail(OS_CALL_PURGE) && madvise(address, size, MADV_DONTNEED) == 0;
}

bool os_move(void *from, void *to, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_MOVE)) {
        os_unmap(to, size); /* the worst that the kernel may do */
        return false;
    }
    return mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

void os_dump(void *address, size_t size, bool include)
{
    if (!os_is_made_to_fail(OS_CALL_ADVISE))
        madvise(address, size, include ? MADV_DODUMP : MADV_DONTDUMP);
}

void os_name(void *address, size_t size, const char *name)
{
    if (!os_is_made_to_fail(OS_CALL_NAME))
        prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, address, size, name);
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

bool os_address_space_is_limited(void)
{
    struct rlimit limit;
    return !os_is_made_to_fail(OS_CALL_LIMIT) && getrlimit(RLIMIT_AS, &limit) == 0 &&
           limit.rlim_cur != RLIM_INFINITY;
}

bool os_commit_is_strict(void)
{
    char text[4];
    return os_read_file("/proc/sys/vm/overcommit_memory", text, sizeof(text)) > 0 && text[0] == '2';
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

uint64_t os_now_ms(void)
{
    struct timespec now = {0, 0};
    if (!os_is_made_to_fail(OS_CALL_CLOCK))
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t os_cpu_time_us(void)
{
    struct timespec now = {0, 0};
    if (!os_is_made_to_fail(OS_CALL_CLOCK))
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void os_sleep_us(unsigned us)
{
    /* by a futex that nobody wakes: unlike nanosleep, a filter that allows a plain malloc knows it
     * */
    static uint32_t never;
    struct timespec time = {0, (long)us * 1000};
    if (!os_is_made_to_fail(OS_CALL_SLEEP))
        syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
}

uint32_t os_thread_id(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static int open_file(const char *path)
{
    return os_is_made_to_fail(OS_CALL_OPEN) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

/* As read(), but made again when it is interrupted. */
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
        ssize_t written = os_is_made_to_fail(OS_CALL_WRITE) ? -1 : write(fd, text, length);
        if (written >= 0 || errno != EINTR || tries == INTERRUPTIONS_MAX)
            return written;
    }
}

long os_read_file(const char *path, char *buffer, size_t size)
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

static int create_file(const char *path, mode_t mode)
{
    if (os_is_made_to_fail(OS_CALL_CREATE))
        return -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

int os_create_file(const char *path)
{
    return create_file(path, 0600);
}

int os_create_public_file(const char *path)
{
    return create_file(path, 0644);
}

bool os_rename_file(const char *from, const char *to)
{
    struct stat status;
    bool is_replaceable = lstat(to, &status) != 0 || S_ISREG(status.st_mode);
    return is_replaceable && !os_is_made_to_fail(OS_CALL_RENAME) && rename(from, to) == 0;
}

void os_remove_file(const char *path)
{
    if (!os_is_made_to_fail(OS_CALL_REMOVE))
        unlink(path);
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

/* One line of /proc/self/maps: "start-end perms offset dev inode   path". */
static enum os_mapping parse_mapping(const char *line, uintptr_t *start, uintptr_t *end)
{
    char *rest;
    *start = strtoul(line, &rest, 16);
    *end = strtoul(rest + 1, &rest, 16);
    if (strstr(rest, "[stack"))
        return OS_MAPPING_STACK;
    if (strchr(rest, '/') || strstr(rest, "[v"))
        return OS_MAPPING_FILE;
    return OS_MAPPING_ANONYMOUS;
}

/* Purpose: lines of a file through a buffer on the stack. A line longer than the buffer is cut. */
struct line_reader {
    int fd;
    size_t used;
    char buffer[1024];
};

/* The next line, terminated, at the buffer's start; its length with the newline, 0 at the end. */
static size_t read_line(struct line_reader *reader, size_t consumed)
{
    memmove(reader->buffer, reader->buffer + consumed, reader->used - consumed);
    reader->used -= consumed;
    for (;;) {
        char *newline = memchr(reader->buffer, '\n', reader->used);
        if (newline) {
            *newline = '\0';
            return (size_t)(newline - reader->buffer) + 1;
        }
        if (reader->used == sizeof(reader->buffer))
            reader->used = sizeof(reader->buffer) / 2;
        ssize_t got = read_some(reader->fd, reader->buffer + reader->used,
                                sizeof(reader->buffer) - reader->used);
        if (got <= 0)
            return 0;
        reader->used += (size_t)got;
    }
}

enum os_mapping os_find_mapping(const void *address, uintptr_t *start, uintptr_t *end)
{
    /* of the thread: of the process there are none any more once its main thread has ended */
    struct line_reader reader = {.fd = open_file("/proc/thread-self/maps")};
    enum os_mapping found = OS_MAPPING_NONE;
    if (reader.fd < 0)
        return OS_MAPPING_UNKNOWN;
    size_t length = 0;
    while ((length = read_line(&reader, length)) != 0) {
        enum os_mapping kind = parse_mapping(reader.buffer, start, end);
        if ((uintptr_t)address >= *start && (uintptr_t)address < *end) {
            found = kind;
            break;
        }
    }
    close(reader.fd);
    return found;
}
