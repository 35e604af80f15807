/* SPDX-License-Identifier: MIT */
/*
 * Owns the recorder: which process is recorded, the file of the trace, and the slots of the live
 * blocks. Each record is written under one lock directly into the mapped file. So its place is the
 * global order, and a killed program leaves all of it. Uses the kernel and no allocator. One
 * process is recorded: the first that finds the file empty. If it executes another program (the pid
 * stays the same), the file begins again. A child made by fork has its parent's heap but not its
 * history, so it is not recorded: it knows that it is one by the state, whose pages the kernel
 * clears in every child. No descriptor stays open: programs close and reuse descriptors that they
 * find.
 */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How much of the file is mapped at a time, and how much one call may write. */
#define VIEW_BYTES ((uint64_t)4 << 20)
#define CALL_BYTES_MAX ((ptrdiff_t)4 * TRACE_RECORD_MAX)
/* The records of a window, when there are several threads. */
#define WINDOW_RECORDS 16384
#define TABLE_BITS_FIRST 12
#define SLOTS_FIRST 4096
#define NO_THREAD UINT64_MAX

/* A live block. */
struct entry {
    uintptr_t address; /* 0: an empty place */
    uint64_t slot;
};

/*
 * The state of the recorder, in a page of its own that is zero in a child. Owner: `lock`, but for
 * `is_on` and `lock`. Invariants: view <= at, and at + CALL_BYTES_MAX <= view_end before each call;
 * entries <= half of the table; free_slots[0, usable) can be taken now, [usable, count) from the
 * next window on; usable == count while there is one thread.
 */
struct recorder {
    uint32_t is_on;
    uint32_t lock;
    struct trace_header *header;
    unsigned char *view; /* the file from view_offset on */
    unsigned char *at;   /* where the next record goes */
    unsigned char *view_end;
    uint64_t view_offset;
    dev_t device; /* identifies the file when it is opened again */
    ino_t inode;
    char path[PATH_MAX]; /* a copy, since programs may write their title over the environment */
    uint64_t thread;     /* the thread of the last record */
    uint64_t window_calls;
    struct entry *table; /* open addressing, linear probing */
    unsigned table_bits;
    size_t entries;
    uint32_t *free_slots;
    size_t usable;
    size_t count;
    size_t room;
};

static struct recorder *recorder; /* NULL: the environment does not ask for it */
static __thread uint64_t own_thread = NO_THREAD;

/* ---- The kernel: by no function that is a cancellation point or that programs replace ---- */

static void *map_pages(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static int open_file(void)
{
    return (int)syscall(SYS_openat, AT_FDCWD, recorder->path, O_RDWR | O_CLOEXEC);
}

static void close_file(int fd)
{
    syscall(SYS_close, fd);
}

/* End the recording; the program continues. */
static void give_up(const char *reason)
{
    static const char start[] = "hakmem record: recording stops here: ";
    char line[256];
    size_t length = strlen(reason);
    memcpy(line, start, sizeof start - 1);
    memcpy(line + sizeof start - 1, reason, length);
    line[sizeof start - 1 + length] = '\n';
    syscall(SYS_write, STDERR_FILENO, line, sizeof start + length);
    if (recorder->header)
        recorder->header->is_cut = 1;
    __atomic_store_n(&recorder->is_on, 0, __ATOMIC_RELAXED);
}

/* ---- The file ---- */

/* Make the file this long, with allocated blocks if the file system can: a page that cannot be
 * written would kill the program. */
static bool extend_file(int fd, uint64_t size)
{
    struct rlimit limit;
    /* beyond this limit the kernel sends a signal instead of an error */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur)
        return false;
    if (syscall(SYS_fallocate, fd, 0, (off_t)0, (off_t)size) == 0)
        return true;
    return errno == EOPNOTSUPP && ftruncate(fd, (off_t)size) == 0;
}

static void *map_file(int fd, uint64_t offset, size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    return map == MAP_FAILED ? NULL : map;
}

/* Map the file from the page of byte `offset` of the records on. */
static bool view_file(int fd, uint64_t offset)
{
    uint64_t page = offset / TRACE_HEADER_BYTES * TRACE_HEADER_BYTES;
    if (!extend_file(fd, page + VIEW_BYTES))
        return false;
    unsigned char *view = map_file(fd, page, VIEW_BYTES);
    if (!view)
        return false;
    if (recorder->view)
        munmap(recorder->view, VIEW_BYTES);
    recorder->view = view;
    recorder->at = view + (offset - page);
    recorder->view_end = view + VIEW_BYTES;
    recorder->view_offset = page;
    return true;
}

/* Map the next part of the file. */
static void advance_view_locked(void)
{
    struct stat status;
    int saved = errno;
    uint64_t offset = recorder->view_offset + (uint64_t)(recorder->at - recorder->view);
    int fd = open_file();
    bool is_same = fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == recorder->device &&
                   status.st_ino == recorder->inode;
    if (!is_same)
        give_up("its file cannot be opened again");
    else if (!view_file(fd, offset))
        give_up("its file cannot grow");
    if (fd >= 0)
        close_file(fd);
    errno = saved;
}

/* ---- Start ---- */

/* May this process write the open file? Yes if it is empty, or if this process began it before an
 * exec. */
static bool is_ours(int fd)
{
    struct stat status;
    struct trace_header header;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    recorder->device = status.st_dev;
    recorder->inode = status.st_ino;
    if (status.st_size == 0)
        return true;
    return syscall(SYS_pread64, fd, &header, sizeof header, (off_t)0) == (long)sizeof header &&
           header.pid == (uint64_t)getpid() && ftruncate(fd, 0) == 0;
}

static bool begin(int fd)
{
    size_t table_bytes = sizeof(struct entry) << TABLE_BITS_FIRST;
    recorder->table_bits = TABLE_BITS_FIRST;
    recorder->table = map_pages(table_bytes);
    recorder->room = SLOTS_FIRST;
    recorder->free_slots = map_pages(SLOTS_FIRST * sizeof *recorder->free_slots);
    if (!recorder->table || !recorder->free_slots || !view_file(fd, TRACE_HEADER_BYTES))
        return false;
    recorder->header = map_file(fd, 0, TRACE_HEADER_BYTES);
    if (!recorder->header)
        return false;
    *recorder->header = (struct trace_header){
        .magic = TRACE_MAGIC, .version = TRACE_VERSION, .pid = (uint64_t)getpid()};
    __atomic_store_n(&recorder->is_on, 1, __ATOMIC_RELEASE);
    return true;
}

/* Open the file that the environment names. */
static void start(const char *path)
{
    if (strlen(path) >= sizeof recorder->path)
        return;
    struct recorder *pages = map_pages(sizeof *pages);
    if (!pages)
        return;
    recorder = pages;
    strcpy(recorder->path, path);
    int fd = open_file();
    if (fd < 0)
        return;
    bool is_to_record = is_ours(fd);
    if (is_to_record && madvise(recorder, sizeof *recorder, MADV_WIPEONFORK) != 0)
        give_up("a kernel without MADV_WIPEONFORK");
    else if (is_to_record && !begin(fd))
        give_up("its file cannot be mapped");
    close_file(fd);
}

void recorder_start(void)
{
    const char *path = recorder || !environ ? NULL : getenv(TRACE_VARIABLE);
    int saved = errno;
    if (path)
        start(path);
    errno = saved;
}

/* ---- The lock ---- */

/* Lock, if this process is still recorded; else returns false. */
static bool lock_if_on(void)
{
    if (!recorder || !__atomic_load_n(&recorder->is_on, __ATOMIC_ACQUIRE))
        return false;
    for (unsigned tries = 1; __atomic_exchange_n(&recorder->lock, 1, __ATOMIC_ACQUIRE); tries++)
        if (tries % 64 == 0)
            sched_yield();
    if (recorder->is_on && recorder->view_end - recorder->at < CALL_BYTES_MAX)
        advance_view_locked();
    if (recorder->is_on)
        return true;
    __atomic_store_n(&recorder->lock, 0, __ATOMIC_RELEASE);
    return false;
}

static void unlock(void)
{
    __atomic_store_n(&recorder->lock, 0, __ATOMIC_RELEASE);
}

/* ---- The live blocks: address -> slot ---- */

static size_t home_of(uintptr_t address)
{
    return (size_t)((address >> 4) * 0x9e3779b97f4a7c15u >> (64 - recorder->table_bits));
}

/* The place of a block, or the empty place where it belongs. */
static size_t find_locked(uintptr_t address)
{
    size_t mask = ((size_t)1 << recorder->table_bits) - 1;
    size_t place = home_of(address);
    while (recorder->table[place].address && recorder->table[place].address != address)
        place = (place + 1) & mask;
    return place;
}

static void grow_table_locked(void)
{
    struct entry *old = recorder->table;
    size_t old_size = (size_t)1 << recorder->table_bits;
    struct entry *table = map_pages(2 * old_size * sizeof *table);
    if (!table) {
        give_up("no memory for the addresses of live blocks");
        return;
    }
    recorder->table = table;
    recorder->table_bits++;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].address)
            table[find_locked(old[i].address)] = old[i];
    munmap(old, old_size * sizeof *old);
}

static void insert_locked(const void *block, uint64_t slot)
{
    recorder->table[find_locked((uintptr_t)block)] = (struct entry){(uintptr_t)block, slot};
    if (++recorder->entries > (size_t)1 << (recorder->table_bits - 1))
        grow_table_locked();
}

/* Empty the place, and close the gap in the probe sequences through it. */
static void clear_place_locked(size_t place)
{
    size_t mask = ((size_t)1 << recorder->table_bits) - 1;
    for (size_t next = (place + 1) & mask; recorder->table[next].address;
         next = (next + 1) & mask) {
        size_t home = home_of(recorder->table[next].address);
        if (((next - home) & mask) < ((next - place) & mask))
            continue;
        recorder->table[place] = recorder->table[next];
        place = next;
    }
    recorder->table[place].address = 0;
    recorder->entries--;
}

/* Forget the block. Returns its slot, or RECORDER_UNKNOWN. */
static uint64_t detach_locked(const void *block)
{
    size_t place = find_locked((uintptr_t)block);
    if (!recorder->table[place].address)
        return RECORDER_UNKNOWN;
    uint64_t slot = recorder->table[place].slot;
    clear_place_locked(place);
    return slot;
}

/* ---- Slots ---- */

static uint64_t take_slot_locked(void)
{
    if (recorder->usable == 0)
        return recorder->header->slots++;
    uint32_t slot = recorder->free_slots[--recorder->usable];
    recorder->free_slots[recorder->usable] = recorder->free_slots[--recorder->count];
    return slot;
}

static void release_slot_locked(uint64_t slot)
{
    if (recorder->count == recorder->room) {
        size_t bytes = recorder->room * sizeof *recorder->free_slots;
        void *moved = mremap(recorder->free_slots, bytes, 2 * bytes, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED) {
            give_up("no memory for the free slots");
            return;
        }
        recorder->free_slots = moved;
        recorder->room *= 2;
    }
    recorder->free_slots[recorder->count++] = (uint32_t)slot;
    if (recorder->header->threads <= 1)
        recorder->usable = recorder->count;
}

/* ---- Records ---- */

static void put_locked(enum trace_op op, uint64_t value)
{
    recorder->at = trace_put(recorder->at, value << TRACE_OP_BITS | op);
}

static void open_window_locked(void)
{
    put_locked(TRACE_WINDOW, 0);
    recorder->window_calls = 0;
    recorder->usable = recorder->count;
}

/* Write what comes before the record of a call: its thread, and a new window if one is due. */
static void begin_call_locked(void)
{
    struct trace_header *header = recorder->header;
    bool is_new = own_thread == NO_THREAD;
    if (is_new)
        own_thread = header->threads++;
    if ((is_new && own_thread > 0) || recorder->window_calls == WINDOW_RECORDS)
        open_window_locked();
    if (own_thread != recorder->thread)
        put_locked(TRACE_THREAD, own_thread);
    recorder->thread = own_thread;
    header->calls++;
    if (header->threads > 1)
        recorder->window_calls++;
}

/* From here on the record counts, even if the program is killed. */
static void end_call_locked(void)
{
    uint64_t offset = recorder->view_offset + (uint64_t)(recorder->at - recorder->view);
    __atomic_store_n(&recorder->header->used, offset - TRACE_HEADER_BYTES, __ATOMIC_RELEASE);
}

static void free_locked(uint64_t slot)
{
    begin_call_locked();
    put_locked(TRACE_FREE, slot);
    end_call_locked();
    release_slot_locked(slot);
}

static uint64_t log2_up(size_t alignment)
{
    uint64_t shift = 0;
    while (shift < 63 && (size_t)1 << shift < alignment)
        shift++;
    return shift;
}

void recorder_add(enum trace_op op, const void *block, size_t size, size_t alignment)
{
    if (!block || !lock_if_on())
        return;
    /* a block that was freed without our knowledge */
    uint64_t stale = detach_locked(block);
    if (stale != RECORDER_UNKNOWN)
        free_locked(stale);
    begin_call_locked();
    uint64_t slot = take_slot_locked();
    put_locked(op, size);
    if (op == TRACE_ALIGNED)
        recorder->at = trace_put(recorder->at, log2_up(alignment));
    recorder->at = trace_put(recorder->at, slot);
    end_call_locked();
    insert_locked(block, slot);
    unlock();
}

void recorder_remove(const void *block)
{
    if (!block || !lock_if_on())
        return;
    uint64_t slot = detach_locked(block);
    if (slot != RECORDER_UNKNOWN)
        free_locked(slot);
    unlock();
}

uint64_t recorder_detach(const void *block)
{
    if (!block || !lock_if_on())
        return RECORDER_UNKNOWN;
    uint64_t slot = detach_locked(block);
    unlock();
    return slot;
}

void recorder_resized(uint64_t slot, const void *block, size_t size)
{
    if (slot == RECORDER_UNKNOWN) {
        recorder_add(TRACE_MALLOC, block, size, 0);
        return;
    }
    if (!lock_if_on())
        return;
    uint64_t stale = detach_locked(block);
    if (stale != RECORDER_UNKNOWN)
        free_locked(stale);
    begin_call_locked();
    release_slot_locked(slot);
    uint64_t new_slot = take_slot_locked();
    put_locked(TRACE_REALLOC, size);
    recorder->at = trace_put(trace_put(recorder->at, slot), new_slot);
    end_call_locked();
    insert_locked(block, new_slot);
    unlock();
}

void recorder_attach(uint64_t slot, const void *block)
{
    if (slot == RECORDER_UNKNOWN || !lock_if_on())
        return;
    insert_locked(block, slot);
    unlock();
}

void recorder_freed(uint64_t slot)
{
    if (slot == RECORDER_UNKNOWN || !lock_if_on())
        return;
    free_locked(slot);
    unlock();
}
