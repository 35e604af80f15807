/* SPDX-License-Identifier: MIT */
/*
 * The contract with the kernel: every request that the allocator makes of the system, and the
 * settings from the environment. The files os_*.c implement it for Linux; settings.c implements the
 * settings. Addresses and sizes are multiples of the page size unless said otherwise. A call that
 * may fail says so in its comment. No call allocates. A call may change errno; the api layer keeps
 * errno for the functions that promise that.
 */
#ifndef HAK_OS_OS_H
#define HAK_OS_OS_H

#include "base/base.h"

/* ---- filters: which calls the kernel allows ---- */

/* Is a seccomp filter in force, or may one be? A filter may kill the process for any call that it
 * does not expect. So under a filter the allocator makes only the calls of a plain malloc: mmap,
 * munmap, mremap, futex. Cheap. os_filter.c */
bool os_is_filtered(void);
/* Was it found at the start that no filter is in force? Optional calls may have been made then. */
bool os_was_unfiltered(void);
/* Every optional call is made between these two. If os_call_begin returns false, the call must not
 * be made and os_call_end must not be called. */
bool os_call_begin(void);
void os_call_end(void);
/* For os_confine.c alone: from now on a filter is in force, or strict mode is; is a thread in an
 * optional call, or about to make one? */
void os_filter_put_in_force(void);
void os_filter_put_strict(void);
bool os_filter_is_call_under_way(void);
/* May memory be given back? Not in strict mode. */
bool os_may_give_back(void);
/* In a forked child: forget the optional calls of the parent's other threads. */
void os_forget_calls_under_way(void);

/* The program is about to install a filter. From now on no optional call begins. Waits, for a
 * bounded time, until those of other threads have ended. os_confine.c */
void os_note_filter(void);
/* The same for strict mode, which ends the program for every call on memory. Free memory stays with
 * the process from then on. */
void os_note_strict_mode(void);

/* ---- is this process a copy of another? os_generation.c ---- */

extern _Atomic uint32_t *os_generation;
/* Has the process been copied (fork, clone) since the word was last renewed? Cheap. */
static inline bool os_is_copy(void)
{
    /* relaxed: a thread of the child sees the page that the kernel gave the child */
    return unlikely(atomic_load_explicit(os_generation, memory_order_relaxed) != 1);
}
/* Make the word. Called once, at the start. */
void os_generation_make(void);
/* Must the calling thread repair the copy? False: another thread has repaired it. */
bool os_generation_claim(void);
/* The copy has been repaired. */
void os_generation_renew(void);

/* ---- memory ---- */

/* Map memory that is readable, writable and zero, at an address that the kernel chooses. NULL when
 * the kernel refuses. */
void *os_reserve(size_t size);
/* The same at exactly `address`, and only if nothing is mapped there. */
enum os_map_result { OS_MAP_DONE, OS_MAP_OCCUPIED, OS_MAP_NO_MEMORY };
enum os_map_result os_map_at(void *address, size_t size);
/* An address at which `size` bytes could be mapped now; NULL when there is none. Maps nothing. */
void *os_find_room(size_t size);
/* Unmap. False when refused (too many mappings, strict mode): nothing has changed. */
bool os_unmap(void *address, size_t size);
/* Replace all mappings in [address, +size), which must be ours, by fresh zero pages. */
bool os_remap_fresh(void *address, size_t size);
/* Make pages present and writable in one call. False when the kernel cannot (too old, no memory):
 * each page then becomes present when it is touched. */
bool os_populate(void *address, size_t size);
/* The same by writing to each page, for kernels without such a call. The contents stay. */
void os_touch(void *address, size_t size);
/* Back [address, +size) by one huge page that reads as zero. The range must have the size and
 * alignment of a huge page, and no page of it may be present. False when the kernel has no huge
 * page: a page of the usual size may be present at the start then. */
bool os_back_huge_page(void *address, size_t size);
/* Allow or forbid the kernel to use huge pages when the range is touched. In ranges from os_map_at
 * they are forbidden at first. */
void os_allow_huge_pages(void *address, size_t size, bool allow);
/* How many of the first `count` (at most 64) pages are present; 0 when the kernel does not say. */
size_t os_present_pages(void *address, size_t count);
/* Purge: give the pages back, in calls so short that no other thread waits long. The pages read as
 * zero afterwards. False when the kernel refuses (locked pages), or under a filter when one more
 * purge could make too many mappings. Some of the pages may be gone even then. */
bool os_purge(void *address, size_t size);
/* The same in one call, for a range that may be one huge page: more calls would split it. */
bool os_purge_whole(void *address, size_t size);
/* Move the pages of [from, +size) to [to, +size); both ranges must be ours, and `from` must be one
 * mapping. `from` stays mapped and reads as zero. False when the kernel cannot: nothing has moved,
 * but `to` may be unmapped and needs os_remap_fresh. */
bool os_move(void *from, void *to, size_t size);
/* Is the range, which must be ours, one mapping? True also where the kernel may not be asked.
 * `too_long` is a size that no mapping can have from there; it is at most the size of the address
 * space. */
bool os_is_one_mapping(void *address, size_t size, size_t too_long);
/* Is a range that is one mapping anonymous, and locked in memory only if `other` is? True also
 * where the kernel may not be asked. */
bool os_is_like(void *address, size_t size, void *other);
/* Undo the requests that a program may have made for its own blocks: protection, and advice about
 * fork, core dumps and access order. False when the kernel refuses any of this. */
bool os_make_plain(void *address, size_t size);

/* Include the range in core dumps, or leave it out. */
void os_dump(void *address, size_t size, bool include);
/* Make the pages read as zero in every child that does not share our memory. False when the kernel
 * cannot. */
bool os_wipe_on_fork(void *address, size_t size);
#define OS_NAME "hakmem"
/* Give the mapping a name in /proc/PID/maps, if the kernel supports names. */
void os_name(void *address, size_t size, const char *name);
/* Would the system, by its rule of overcommit, give `size` bytes to a plain mmap now? */
bool os_could_commit(size_t size);
/* Is the process's address space limited (RLIMIT_AS, RLIMIT_DATA)? True also under a filter, where
 * the kernel may not be asked. */
bool os_address_space_is_limited(void);
/* Does the kernel charge every private mapping when it is made (vm.overcommit_memory = 2)? */
bool os_commit_is_strict(void);
size_t os_page_size(void);
/* The least memory limit of the process's control group and the groups above it; UINT64_MAX when
 * there is none. */
uint64_t os_memory_limit(void);
/* Resident memory of the process, now and at its peak; 0 when the kernel does not say. */
size_t os_resident_bytes(void);
size_t os_peak_bytes(void);

/* ---- time, threads, files ---- */

/* Milliseconds of a clock that never goes back. It is coarse (a few ms) and cheap, since it makes
 * no system call. Under a filter, on a kernel without a vDSO, it would make one: it stays at 0
 * there. */
uint64_t os_now_ms(void);
/* Microseconds of processor time of the calling thread. Exact; a system call. 0 under a filter. */
uint64_t os_cpu_time_us(void);
/* The calling thread sleeps. A signal may end the sleep early. */
void os_sleep_us(unsigned us);
/* The kernel's numbers of the calling thread and of its process; 0 under a filter, which may forbid
 * the call. */
struct os_thread_number {
    uint32_t process;
    uint32_t thread;
};
struct os_thread_number os_thread_number(void);
/* Is it certain that the process has no such thread any more? */
bool os_thread_is_gone(struct os_thread_number number);
/* Every thread of the process executes a full memory barrier between the call and its return. False
 * when the kernel has no such call, or a filter may forbid it: no thread has executed one then. */
bool os_barrier(void);
/*
 * The helper: one thread of the process that libc does not know of. So a program of one thread
 * keeps the short cuts that libc takes for such programs. The helper has a stack of OS_HELPER_STACK
 * bytes. All its signals are blocked. It has no file descriptors, no capabilities and no access to
 * files, and a seccomp filter that allows only the calls that its work needs. Its thread-local
 * storage serves errno and the allocator's own variables only: `body` must use no other, and must
 * not wait for a lock of libc. The helper ends when `body` returns. os_thread.c
 */
#define OS_HELPER_STACK (32 * KIB)
/* Start the helper, unless it is running. False when it cannot start: no memory, a limit on
 * threads, a libc whose clone() refuses, a filter in force. A helper that cannot be confined ends
 * before `body`, and no other is started. The caller may hold no lock of the allocator. */
bool os_helper_start(void (*body)(void));
/* Is the helper running, or starting? Cheap enough for every slow path. */
extern _Atomic uint32_t os_helper_thread;
static inline bool os_helper_is_running(void)
{
    /* relaxed: with an old value a thread does harmless work once more, or once less */
    return atomic_load_explicit(&os_helper_thread, memory_order_relaxed) != 0;
}
/* Is the calling thread the helper? */
bool os_helper_is_this_thread(void);
/* In the helper: sleep. */
void os_helper_sleep(uint64_t ms);
/* os_helper_end: a filter is about to be installed; end the helper and start no other.
 * os_helper_is_to_end, in the helper: must it end? */
void os_helper_end(void);
bool os_helper_is_to_end(void);
/* In the helper: the process's number, which is also the number of its main thread. */
uint32_t os_helper_process(void);
/* In the helper: is it certain that the process has no such running thread any more? */
bool os_helper_finds_gone(uint32_t thread);
/* In a forked child, which has no helper: forget the parent's. */
void os_helper_forget(void);
/* Read up to size - 1 bytes of a file, and terminate them. Returns the length, or -1. */
long os_read_file(const char *path, char *buffer, size_t size);
/* Create a file for os_write_file; no file of this name may exist. Its owner may read it, or with
 * os_create_public_file everybody, as far as the process's umask allows. -1 on failure. */
int os_create_file(const char *path);
int os_create_public_file(const char *path);
/* Does a file of any kind have this name? */
bool os_file_exists(const char *path);
/* Rename a file; it replaces a file that has the new name. False on failure, and when the new name
 * belongs to anything but a regular file: a device, for example, must not be replaced. */
bool os_rename_file(const char *from, const char *to);
void os_remove_file(const char *path);
/* False when a part could not be written (a full disk). */
bool os_write_file(int fd, const char *text, size_t length);
void os_close_file(int fd);
/* Connect to the socket of this path, and wait until the other side hangs up or the time is over.
 * Sends nothing. Returns at once if no process listens. os_visit.c */
void os_visit(const char *path, unsigned seconds_most);
/* Can the aligned 32-bit word be read without a fault? True also if the kernel may not be asked. */
bool os_is_readable(const void *word);
/* Copy memory, within one page, that may not be mapped: false then, and if the kernel may not be
 * asked. *process: 0 before a caller's first copy, then our process's number; it costs a call. */
bool os_copy(uint32_t *process, void *to, const void *from, size_t size);

/* ---- the point where tests make calls fail ---- */

/* The system calls of this layer that tests can make fail, by purpose. Calls are left out if they
 * only undo or report: close(), munmap() of a range that a probe has just mapped, the restored
 * signal mask, the numbers of threads, lstat(). Calls that have one purpose share an entry. The
 * heap's memory depends on the entries up to REMAP alone. */
#define HAK_OS_CALLS(X)                                                                            \
    X(RESERVE)                                                                                     \
    X(MAP)                                                                                         \
    X(POPULATE)                                                                                    \
    X(HUGE_PAGE)                                                                                   \
    X(PURGE)                                                                                       \
    X(MOVE)                                                                                        \
    X(REMAP)                                                                                       \
    X(ONE) /* mremap: is a range one mapping? */                                                   \
    X(UNMAP)                                                                                       \
    X(ROOM)    /* mmap in os_find_room */                                                          \
    X(COMMIT)  /* mmap in os_could_commit */                                                       \
    X(PRESENT) /* mincore */                                                                       \
    X(ADVISE)  /* madvise: core dumps, permission to use huge pages */                             \
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
    X(VISIT) /* socket of os_visit */                                                              \
    X(CLONE)                                                                                       \
    X(MASK)        /* signal mask before clone */                                                  \
    X(COPY)        /* process_vm_readv of our own memory */                                        \
    X(PROBE)       /* futex in os_is_readable */                                                   \
    X(FUTEX)       /* futex of the helper's sleep */                                               \
    X(BARRIER)     /* membarrier */                                                                \
    X(HELPER_SELF) /* confinement of the helper */

#define OS_CALL_CONSTANT(name) OS_CALL_##name,
enum os_call { HAK_OS_CALLS(OS_CALL_CONSTANT) OS_CALL_COUNT };
/* If set, this function is asked before each of these calls. If it returns true, the call fails
 * without being made, with the errno that the function has set. */
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

/* Purpose: the settings in force, at first the defaults. settings_read writes them before the first
 * block is handed out, and settings_change later; any thread reads them. */
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

/* Change one of them. False when `live` is none of them, or the value is out of range. */
bool settings_change(unsigned live, int64_t value);
/* Read HAKMEM_* from `environment` (NULL: from the kernel). An unknown name, and a value that is
 * out of range, is reported on standard error; the default stays. A set-user-ID program ignores the
 * environment. */
void settings_read(char *const *environment);
/* Should an error in this entry of the environment (HAKMEM_NAME=VALUE) be reported here? No if the
 * parent process was started with the same entry and the same LD_PRELOAD: it has reported it. */
bool settings_is_news(const char *entry);

#endif
