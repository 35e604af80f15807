/* SPDX-License-Identifier: MIT */
/*
 * The kernel contract: all that the allocator asks of the operating system, and the settings that
 * the environment gives. One file per system implements it (os_linux.c). Addresses and sizes are
 * multiples of the page size unless said otherwise. Every call may fail, as its comment says; none
 * allocates; errno may change (the api layer keeps it for those who promise that).
 */
#ifndef HAK_OS_OS_H
#define HAK_OS_OS_H

#include "base/base.h"

/* ---- what may be asked of the kernel ---- */

/* Is a seccomp filter in force, or may one be? It may kill the process for any call that it does
 * not know. So only the calls of a plain malloc are made then: mmap, munmap, mremap, futex. Cheap.
 * os_filter.c */
bool os_is_filtered(void);
/* Was no filter in force at the start, so that optional calls have been made? */
bool os_was_unfiltered(void);
/* Every optional call is made between these two. False: it must not be made, and os_call_end not be
 * called. */
bool os_call_begin(void);
void os_call_end(void);
/* For os_confine.c alone: from now on a filter is in force, or strict mode; is a thread in an
 * optional call, or about to make one? */
void os_filter_put_in_force(void);
void os_filter_put_strict(void);
bool os_filter_is_call_under_way(void);
/* May memory be given back? Not in strict mode. */
bool os_may_give_back(void);
/* In a child: the calls of the parent's other threads are not under way here. */
void os_forget_calls_under_way(void);

/* The program is about to install a filter: returns when no such call is under way any more.
 * os_confine.c */
void os_note_filter(void);
/* The same for strict mode, which ends the program for every call on memory. Free memory then
 * stays with the process. */
void os_note_strict_mode(void);

/* ---- is this process a copy of another? os_generation.c ---- */

extern _Atomic uint32_t *os_generation;
/* Has the process been copied (fork, clone) since the word was last renewed? Cheap. */
static inline bool os_is_copy(void)
{
    /* relaxed: a thread of the child sees the page that the child was given */
    return unlikely(atomic_load_explicit(os_generation, memory_order_relaxed) != 1);
}
/* Once, at the start. */
void os_generation_make(void);
/* Is it for the calling thread to repair the copy? False: another thread has done it. */
bool os_generation_claim(void);
/* It has been repaired. */
void os_generation_renew(void);

/* ---- memory ---- */

/* Memory that is readable and writable and reads as zero, wherever the kernel has room. NULL when
 * it cannot be had. */
void *os_reserve(size_t size);
/* The same at exactly `address`, and only where nothing is mapped. */
enum os_map_result { OS_MAP_DONE, OS_MAP_OCCUPIED, OS_MAP_NO_MEMORY };
enum os_map_result os_map_at(void *address, size_t size);
/* An address at which `size` bytes could be mapped now; NULL when none. Maps nothing. */
void *os_find_room(size_t size);
/* Give address space back. False when the kernel refuses (too many mappings): it is as it was. */
bool os_unmap(void *address, size_t size);
/* Replace whatever is in [address, +size), which must be ours, by fresh zero pages. */
bool os_remap_fresh(void *address, size_t size);
/* Make pages present and writable in one call. False when the kernel cannot (too old, no memory):
 * the pages then come one by one, when touched. */
bool os_populate(void *address, size_t size);
/* The same by writing to each page; for kernels without the above. Content is kept. */
void os_touch(void *address, size_t size);
/* Back [address, +size), a huge page's size and alignment in which nothing is present, by one huge
 * page that reads as zero. False when the kernel has none to give: a page of the usual size may be
 * present at the start then. */
bool os_back_huge_page(void *address, size_t size);
/* May the kernel use a huge page where such a range is touched? Not in what os_map_at gives. */
void os_allow_huge_pages(void *address, size_t size, bool allow);
/* How many of the first `count` (at most 64) pages are present. */
size_t os_present_pages(void *address, size_t count);
/* Give the pages back, in calls that hold no thread up for long; they read as zero afterwards.
 * False when the kernel refused (locked pages), or where each such call would make a mapping more,
 * and there are enough: some of the pages may be gone then. */
bool os_purge(void *address, size_t size);
/* The same in one call, for what may be one huge page: it would be split otherwise. */
bool os_purge_whole(void *address, size_t size);
/* Move the pages of [from, +size) to [to, +size), both ours. `from` stays mapped and reads as zero.
 * False when the kernel cannot: nothing has moved then, but `to` may have been unmapped already and
 * needs os_remap_fresh. `from` must be one mapping. */
bool os_move(void *from, void *to, size_t size);
/* Is the range, which is ours, one mapping? Yes also where the kernel may not be asked. `too_long`
 * is a size that no mapping can have from there, and no more than all of the address space. */
bool os_is_one_mapping(void *address, size_t size, size_t too_long);
/* Is a range that is one mapping anonymous, and locked in memory only if `other` is? Yes also where
 * the kernel may not be asked. */
bool os_is_like(void *address, size_t size, void *other);
/* Take back what a program may have asked for its own blocks: protection, and advice about fork,
 * core dumps and order. False when the kernel refuses any of it. */
bool os_make_plain(void *address, size_t size);

/* Include in, or leave out of, core dumps. */
void os_dump(void *address, size_t size, bool include);
/* In a child that does not share our memory the pages read as zero. False: the kernel cannot. */
bool os_wipe_on_fork(void *address, size_t size);
#define OS_NAME "hakmem"
/* Give the mapping a name in /proc/PID/maps where the kernel has that. */
void os_name(void *address, size_t size, const char *name);
/* Would the system, by its overcommit rule, give `size` bytes to a plain mmap now? */
bool os_could_commit(size_t size);
/* Is the process's address space limited (RLIMIT_AS, RLIMIT_DATA)? True also under a filter, where
 * it cannot be asked. */
bool os_address_space_is_limited(void);
/* Is every private mapping charged when made (vm.overcommit_memory = 2)? */
bool os_commit_is_strict(void);
size_t os_page_size(void);
/* The least limit on memory of the process's control group and those above it; UINT64_MAX: none. */
uint64_t os_memory_limit(void);
/* Resident memory of the process, now and at most so far; 0 when the kernel does not say. */
size_t os_resident_bytes(void);
size_t os_peak_bytes(void);

/* ---- time, threads, files ---- */

/* Milliseconds of a clock that never goes back; coarse (a few ms) and cheap: no system call. Under
 * a filter it stands at 0 where it would be one (a kernel without a vDSO). */
uint64_t os_now_ms(void);
/* Microseconds of processor time that the calling thread has used; exact, a system call.
 * 0 under a filter. */
uint64_t os_cpu_time_us(void);
/* The calling thread sleeps, if no signal wakes it. */
void os_sleep_us(unsigned us);
/* The kernel's numbers of the calling thread and of its process; 0 where a filter may forbid to
 * ask. */
struct os_thread_number {
    uint32_t process;
    uint32_t thread;
};
struct os_thread_number os_thread_number(void);
/* Is it certain that the process has no such thread any more? */
bool os_thread_is_gone(struct os_thread_number number);
/* All threads of the process pass a full memory barrier between the call and its return. False when
 * the kernel has no such call, or a filter may forbid it: none has been passed then. */
bool os_barrier(void);
/*
 * The helper: one thread of the process that libc does not know of, so that a program of one thread
 * keeps libc's short cuts for such programs. It has a stack of OS_HELPER_STACK bytes, every signal
 * blocked, no file descriptors, no capabilities, no way to any file, and a seccomp filter that
 * allows what the work needs and nothing more. Its thread-local storage is good for errno and the
 * allocator's own words only: `body` must touch no other, nor wait for what libc locks. It ends
 * when `body` returns. os_thread.c
 */
#define OS_HELPER_STACK (32 * KIB)
/* Start it, unless it is running. False when it cannot be: no memory, a limit on threads, a libc
 * whose clone() refuses, a filter in force. One that could not be confined has ended before `body`,
 * and no other is started. Never call it while a lock of ours is held. */
bool os_helper_start(void (*body)(void));
/* Is it running, or on its way? Cheap enough for every slow path. */
extern _Atomic uint32_t os_helper_thread;
static inline bool os_helper_is_running(void)
{
    /* relaxed: a thread that reads an old value does something harmless once more, or once less */
    return atomic_load_explicit(&os_helper_thread, memory_order_relaxed) != 0;
}
/* Is the calling thread the helper? */
bool os_helper_is_this_thread(void);
/* In the helper: sleep. */
void os_helper_sleep(uint64_t ms);
/* Before a filter is installed: there is no helper from now on. In the helper: is it to end? */
void os_helper_end(void);
bool os_helper_is_to_end(void);
/* In the helper: the process's number, which is its main thread's too. */
uint32_t os_helper_process(void);
/* In the helper: is it certain that the process has no such running thread any more? */
bool os_helper_finds_gone(uint32_t thread);
/* In a forked child, which has no helper: forget the parent's. */
void os_helper_forget(void);
/* Up to size - 1 bytes of a file, terminated. Returns the length, or -1. */
long os_read_file(const char *path, char *buffer, size_t size);
/* Create a file that must not exist for os_write_file, readable by its owner or, but for the
 * process's umask, by all. -1 when it cannot be. */
int os_create_file(const char *path);
int os_create_public_file(const char *path);
/* Is there a file, of any kind, of this name? */
bool os_file_exists(const char *path);
/* Give a file the name of another, which it replaces. False when it cannot, or when what has the
 * name is no regular file: a device that is gone would be missed. */
bool os_rename_file(const char *from, const char *to);
void os_remove_file(const char *path);
/* False when not all of it could be written (a full disk). */
bool os_write_file(int fd, const char *text, size_t length);
void os_close_file(int fd);
/* Connect to the socket of this path, and wait until the other side hangs up or the time is over.
 * Nothing is sent. Where nobody listens it returns at once. os_visit.c */
void os_visit(const char *path, unsigned seconds_most);
/* Can the aligned 32-bit word be read without a fault? True also when the kernel does not say. */
bool os_is_readable(const void *word);

/* ---- the point where tests make calls fail ---- */

/* Every system call of this layer, by what it is for. Not among them are those that undo or only
 * tell: close(), which closes whatever it returns, munmap() of what a probe has just mapped, the
 * signal mask put back, and the numbers of threads. Memory depends on those up to REMAP alone. */
#define HAK_OS_CALLS(X)                                                                            \
    X(RESERVE)                                                                                     \
    X(MAP)                                                                                         \
    X(POPULATE)                                                                                    \
    X(HUGE_PAGE)                                                                                   \
    X(PURGE)                                                                                       \
    X(MOVE)                                                                                        \
    X(REMAP)                                                                                       \
    X(ONE) /* is it one mapping? mremap */                                                         \
    X(UNMAP)                                                                                       \
    X(ROOM)    /* os_find_room's mmap */                                                           \
    X(COMMIT)  /* os_could_commit's mmap */                                                        \
    X(PRESENT) /* mincore */                                                                       \
    X(ADVISE)  /* madvise: core dumps, huge pages allowed or not */                                \
    X(NAME)    /* prctl: names of mappings */                                                      \
    X(LIMIT)   /* getrlimit */                                                                     \
    X(CLOCK)                                                                                       \
    X(SLEEP)                                                                                       \
    X(OPEN)                                                                                        \
    X(READ)                                                                                        \
    X(CREATE)                                                                                      \
    X(WRITE)                                                                                       \
    X(RENAME)                                                                                      \
    X(REMOVE)                                                                                      \
    X(VISIT) /* os_visit's socket */                                                               \
    X(CLONE)                                                                                       \
    X(MASK)        /* signals blocked before clone */                                              \
    X(PROBE)       /* os_is_readable's futex */                                                    \
    X(FUTEX)       /* the helper's sleep */                                                        \
    X(BARRIER)     /* membarrier */                                                                \
    X(HELPER_SELF) /* what the helper gives up: rights, descriptors, directories, calls */

#define OS_CALL_CONSTANT(name) OS_CALL_##name,
enum os_call { HAK_OS_CALLS(OS_CALL_CONSTANT) OS_CALL_COUNT };
/* When set, asked before each of these calls; true makes the call fail without being made, with the
 * errno that the function has left. */
extern bool (*os_inject_failure)(enum os_call call);
static inline bool os_is_made_to_fail(enum os_call call)
{
    return unlikely(os_inject_failure != NULL) && os_inject_failure(call);
}

/* ---- settings.c ---- */

#define SETTING_TEXT_MAX 256
#define SETTING_FIELD_FLAG(field) int64_t field;
#define SETTING_FIELD_NUMBER(field) int64_t field;
#define SETTING_FIELD_BYTES(field) int64_t field;
#define SETTING_FIELD_MILLIS(field) int64_t field;
#define SETTING_FIELD_PREFAULT(field) int64_t field;
#define SETTING_FIELD_PAGES(field) int64_t field;
#define SETTING_FIELD_CHOICE(field) int64_t field;
#define SETTING_FIELD_WHEN(field) int64_t field;
#define SETTING_FIELD_TEXT(field) char field[SETTING_TEXT_MAX];

/* Purpose: the settings in force. Written by settings_read, before the first block is handed out,
 * and by settings_change; read by any thread. Statically the defaults. */
struct settings {
#define X(field, name, kind, initial, min, max, help) SETTING_FIELD_##kind(field)
    HAK_SETTINGS(X)
#undef X
};
extern struct settings settings;

/* The settings that may change while the process runs. */
enum live_setting {
#define X(field) LIVE_##field,
    HAK_LIVE_SETTINGS(X)
#undef X
        LIVE_COUNT
};

/* Change one of them. False when there is none, or the value is out of range. */
bool settings_change(unsigned live, int64_t value);

/* Read HAKMEM_* from `environment` (NULL: from the kernel). What is unknown or out of range is
 * named on standard error and its default holds. A set-user-ID program ignores the environment. */
void settings_read(char *const *environment);

/* Is what is wrong with this entry of the environment (HAKMEM_NAME=VALUE) to be said here? Not if
 * the parent process was started with the same entry and the same LD_PRELOAD: it has said it. */
bool settings_is_news(const char *entry);

#endif
