/* SPDX-License-Identifier: MIT */
/*
 * The bottom layer: compiler attributes, arithmetic of alignment, bit scans, the lock, messages. It
 * uses nothing of the layers above.
 */
#ifndef HAK_BASE_BASE_H
#define HAK_BASE_BASE_H

#include "base/config.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noinline_cold __attribute__((noinline, cold))
#define always_inline inline __attribute__((always_inline))

/* Variables that every program writes at its start. They lie together, since each page that is
 * written costs a page fault. */
#define early_data __attribute__((section(".data.early")))

/* The state of the heap: variables that are zero before the first allocation. front/afresh.c sets
 * them to zero again. */
#define state_data __attribute__((section("hak_state")))

/* Keep the compiler from reusing values that it computed from this variable. Emits no
 * instruction. */
#define forget_address(variable) __asm__("" : "+r"(variable))

/* HAK_ASSERT is 1 in debug and sanitizer builds: a broken invariant stops at its line. */
#define check_invariant(condition)                                                                 \
    do {                                                                                           \
        if (HAK_ASSERT && unlikely(!(condition)))                                                  \
            log_abort("broken invariant: %s (%s:%u)", #condition, __FILE__, (unsigned)__LINE__);   \
    } while (0)

/* `alignment` must be a power of two in both functions. align_up wraps if the value is within
 * `alignment` of SIZE_MAX: callers compare sizes with PTRDIFF_MAX first. */
static always_inline size_t align_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static always_inline size_t align_down(size_t value, size_t alignment)
{
    return value & ~(alignment - 1);
}

static always_inline bool is_power_of_two(size_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static always_inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static always_inline size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The slot at which the search for a key begins in a hash table; `slots` is a power of two. (The
 * constant is 2^64 divided by the golden ratio: Knuth, The Art of Computer Programming, volume 3,
 * 6.4.) */
static always_inline size_t hash_slot(uint64_t key, uint32_t slots)
{
    return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (slots - 1);
}

/* Index of the highest and of the lowest set bit; value must not be 0. */
static always_inline unsigned highest_bit(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

static always_inline unsigned lowest_bit(uint64_t value)
{
    return (unsigned)__builtin_ctzll(value);
}

/*
 * Access to a word that one thread writes while others may read it, where no order is needed. On
 * every processor that Linux runs on, an aligned plain access is a single access. C11's relaxed
 * atomics promise the same, but gcc never folds one into an operand, which costs the fast path two
 * instructions. So atomics are used only where the thread sanitizer must be told.
 */
#if defined(__SANITIZE_THREAD__)
#define HAK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAK_TSAN 1
#endif
#endif
#ifdef HAK_TSAN
/* acquire and release: the sanitizer does not know that a barrier in all threads orders these
 * accesses (idle_threads.c) */
#define word_load(address) __atomic_load_n(address, __ATOMIC_ACQUIRE)
#define word_store(address, value) __atomic_store_n(address, value, __ATOMIC_RELEASE)
#else
#define word_load(address) (*(address))
#define word_store(address, value) ((void)(*(address) = (value)))
#endif

/* ---- lock.c ---- */

/* A mutex of one word: 0 is free, 1 is held, 2 is held while a thread may sleep on it. Static zero
 * is a free lock. It is not recursive and not fair. Waiters spin briefly and then sleep in the
 * kernel (Drepper 2011, "Futexes are tricky", mutex 3). */
struct lock {
    _Atomic uint32_t word;
};

/*
 * How deep the calling thread is inside the allocator. Each lock that it holds, takes or releases
 * counts as one, and so does its own cache while the thread changes it. If an entry point finds a
 * depth above 0, it runs in a signal handler that has interrupted this thread there, or during a
 * fork. It must then take no lock and touch no shared state.
 */
extern __thread unsigned lock_depth;

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline void lock_acquire(struct lock *lock)
{
    uint32_t expected = 0;
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire: the last holder's writes are visible before we read */
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        lock_wait(lock);
}

static inline void lock_release(struct lock *lock)
{
    /* release: our writes are visible to the next holder */
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        lock_wake(lock);
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
}

/* Take the lock if it is free; never wait. */
static inline bool lock_try(struct lock *lock)
{
    uint32_t expected = 0;
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire: as lock_acquire */
    bool is_ours = atomic_compare_exchange_strong_explicit(
        &lock->word, &expected, 1, memory_order_acquire, memory_order_relaxed);
    if (!is_ours)
        lock_depth--;
    return is_ours;
}

/* Free the lock in a forked child. The child's only thread held all locks across the fork. */
static inline void lock_reset(struct lock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}

/* ---- write.c: writes that the program does not know of ---- */

/* As write(2), but the call raises no signal (SIGPIPE, SIGXFSZ) and is no cancellation point. */
long write_quietly(int fd, const void *text, size_t length);
/* Remember which file standard error is. Called once, at the start. */
void write_remember_stderr(void);
/* May a message be written to descriptor 2? Yes if it was open at the start, and still is the same
 * file or is now a pipe or a character device (a terminal). Under a filter of system calls this
 * cannot be checked: then only the program's last line (`is_fatal`) is written. */
bool write_may_use_stderr(bool is_fatal);
/* Is a filter of system calls in force, or may one be? The api layer sets this pointer; NULL stands
 * for no. */
extern bool (*write_is_filtered)(void);

/* ---- printable.c: text from outside ---- */

/* Length of the UTF-8 character at `text`, which must not be the end of the text. A byte that
 * begins no valid character has length 1 and is not printable. Control characters, and characters
 * that change the direction of text, are not printable either. */
size_t text_character(const char *text, bool *is_printable);
/* Replace each character that is not printable by '?'. Returns the new length. */
size_t text_make_printable(char *text);

/* ---- format.c: text without allocation or stdio ---- */

/* Format into `buffer` (always terminated when size > 0) and return the length written. Knows %s %c
 * %d %ld %u %zu %lu %p %% and nothing else. */
__attribute__((format(printf, 3, 4))) size_t text_format(char *buffer, size_t size,
                                                         const char *format, ...);
__attribute__((format(printf, 3, 0))) size_t text_format_args(char *buffer, size_t size,
                                                              const char *format, va_list args);

struct short_text {
    char bytes[24];
};
/* A size for readers: 512 B, 12.3 MiB; at most four digits before the point. */
struct short_text text_of_size(uint64_t bytes);

/* Purpose: a long text that is built in a buffer. `put` receives the buffer whenever it is full,
 * and at writer_flush. */
struct writer {
    void (*put)(void *context, const char *text, size_t length);
    void *context;
    size_t used;
    char buffer[1024];
};
/* Add formatted text of at most 319 bytes; longer text is cut off. */
__attribute__((format(printf, 2, 3))) void writer_add(struct writer *writer, const char *format,
                                                      ...);
/* Add text of at most sizeof(writer->buffer) bytes. */
void writer_add_text(struct writer *writer, const char *text, size_t length);
/* Add text from outside as a JSON string with its quotes. Newlines and tabs are escaped; other
 * characters that are not printable become '?'. */
void writer_add_quoted(struct writer *writer, const char *text);
void writer_flush(struct writer *writer);

/* ---- log.c: messages without allocation or stdio; safe in a signal handler ---- */

#define LOG_LINE_MAX 400

/* Write one line "hakmem: [PID] ..." to standard error, if write_may_use_stderr allows it.
 * Characters that are not printable become '?'. Keeps errno. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
/* The same without the prefix, for lines that begin otherwise ("[wrap] ..."). */
__attribute__((format(printf, 1, 2))) void log_plain(const char *format, ...);
/* log_line, then abort(): the only way in which the allocator ends a program. The caller may hold
 * no lock of the allocator, since a SIGABRT handler may allocate. */
__attribute__((noreturn, format(printf, 1, 2))) void log_abort(const char *format, ...);

#endif
