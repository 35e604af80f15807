/* SPDX-License-Identifier: MIT */
/*
 * Counts calls by kind and size class, in memory that the command reads (operations.h): nothing is
 * lost if the program is killed. Uses the kernel and no allocator. As with the recorder, one
 * process counts: the first that comes; if it executes another program, that program starts again
 * from zero. A child made by fork does not count: it knows that it is one by a page that the kernel
 * clears in every child.
 */
#include "counter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Purpose: the memory in which to count. It has its own page, which is zero in a child. */
struct counter {
    struct operations *shared; /* NULL: nowhere */
};

static struct counter *counter; /* NULL: the environment does not ask for it */
static __thread unsigned place; /* the thread's place, from 1 on; 0: it has none yet */

static void *map(size_t size, int flags, int fd)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static struct operations *map_file(const char *path)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct operations *shared = map(sizeof *shared, MAP_SHARED, fd);
    syscall(SYS_close, fd);
    return shared;
}

/* Do the numbers belong to this process? They do if they belong to no process yet, or if this
 * process began them before an exec. */
static bool claim(struct operations *shared)
{
    uint64_t own = (uint64_t)getpid();
    uint64_t owner = 0;
    if (__atomic_compare_exchange_n(&shared->pid, &owner, own, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
        return true;
    if (owner == own)
        memset(shared->calls, 0, sizeof shared->calls);
    return owner == own;
}

static void start(const char *path)
{
    struct counter *page = map(sizeof *page, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!page)
        return;
    counter = page;
    if (madvise(page, sizeof *page, MADV_WIPEONFORK) != 0)
        return;
    struct operations *shared = map_file(path);
    if (shared && claim(shared))
        __atomic_store_n(&page->shared, shared, __ATOMIC_RELEASE);
    else if (shared)
        munmap(shared, sizeof *shared);
}

void counter_start(void)
{
    const char *path = counter || !environ ? NULL : getenv(OPERATIONS_VARIABLE);
    int saved = errno;
    if (path)
        start(path);
    errno = saved;
}

static struct operations *shared_now(void)
{
    return counter ? __atomic_load_n(&counter->shared, __ATOMIC_ACQUIRE) : NULL;
}

bool counter_is_on(void)
{
    return shared_now() != NULL;
}

void counter_add(enum operation operation, size_t usable)
{
    struct operations *shared = shared_now();
    if (!shared)
        return;
    if (place == 0)
        place = 1 + (unsigned)(__atomic_fetch_add(&shared->threads, 1, __ATOMIC_RELAXED) %
                               OPERATION_PLACES);
    unsigned size_class = usable > LANE_ACE_MAX ? CLASS_HUGE : size_class_of(usable);
    __atomic_fetch_add(&shared->calls[place - 1][size_class][operation], 1, __ATOMIC_RELAXED);
}
