/* SPDX-License-Identifier: MIT */
/*
 * The bottom layer: attributes, checked arithmetic, bit scans, the lock, messages. Nothing here
 * knows that there is an allocator.
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

/* What every program writes at its start: kept together, since each page costs it a fault. */
#define early_data __attribute__((section(".data.early")))

/* The state of the heap: variables that are zero before the first allocation. front/afresh.c makes
 * them zero again. */
#define state_data __attribute__((section("hak_state")))

/* Keep the compiler from reusing what it computed from this variable. Emits nothing. */
#define forget_address(variable) __asm__("" : "+r"(variable))

/* HAK_ASSERT is 1 in debug and sanitizer builds: a broken invariant stops at its line. */
#define check_invariant(condition)                                                                 \
    do {                                                                                           \
        if (HAK_ASSERT && unlikely(!(condition)))                                                  \
            log_abort("broken invariant: %s (%s:%u)", #condition, __FILE__, (unsigned)__LINE__);   \
    } while (0)

/* alignment must be a power of two in both. align_up of a value within `alignment` of SIZE_MAX
 * wraps: callers check sizes against PTRDIFF_MAX first. */
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

/* Index of the highest, the lowest set bit; value must not be 0. */
static always_inline unsigned highest_bit(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

static always_inline unsigned lowest_bit(uint64_t value)
{
    return (unsigned)__builtin_ctzll(value);
}

/*
 * A word that one thread writes and others may read at any moment, with no order wanted: on every
 * processor Linux runs on, an aligned plain access is whole. C11's relaxed atomics say the same but
 * cost the fast path two instructions in gcc, which never folds one into an operand; so they are
 * used only where the thread sanitizer must be told.
 */
#if defined(__SANITIZE_THREAD__)
#define HAK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAK_TSAN 1
#endif
#endif
#ifdef HAK_TSAN
/* acquire and release: the sanitizer does not see the order that a barrier in all threads makes
 * (idle_threads.c) */
#define word_load(address) __atomic_load_n(address, __ATOMIC_ACQUIRE)
#define word_store(address, value) __atomic_store_n(address, value, __ATOMIC_RELEASE)
#else
#define word_load(address) (*(address))
#define word_store(address, value) ((void)(*(address) = (value)))
#endif

/* ---- lock.c ---- */

/* A mutex of one word: 0 free, 1 held, 2 held and somebody sleeps. Static zero is 'free'. Not
 * recursive, not fair; waiters spin briefly and then sleep in the kernel (Drepper 2011, "Futexes
 * are tricky", mutex 3). */
struct lock {
    _Atomic uint32_t word;
};

/*
 * How deep the calling thread is inside the allocator: the locks that it holds, takes or gives
 * back, and its own heap while it changes that, each count as one. An entry point that finds it
 * above 0 runs in a signal handler that has interrupted this thread there, or while it forks. It
 * must take no lock then, and touch nothing that is shared.
 */
extern __thread unsigned lock_depth;

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline void lock_acquire(struct lock *lock)
{
    uint32_t expected = 0;
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire: what the last holder wrote is visible before we read any of it */
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        lock_wait(lock);
}

static inline void lock_release(struct lock *lock)
{
    /* release: what we wrote is visible to the next holder */
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

/* In a forked child, whose only thread is the one that held all locks across the fork. */
static inline void lock_reset(struct lock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}

/* ---- write.c: writes that the program does not know of ---- */

/* As write(2), but it raises no signal (SIGPIPE, SIGXFSZ) and is no cancellation point. */
long write_quietly(int fd, const void *text, size_t length);
/* Remember which file standard error is: called once, at the start. */
void write_remember_stderr(void);
/* May a message be written to descriptor 2? Not where it was closed at the start, or is a regular
 * file, a device with blocks or a socket that it was not then. `is_fatal`: the program's last line,
 * which is written where a filter keeps us from looking. */
bool write_may_use_stderr(bool is_fatal);
/* Is, or may be, a filter of system calls in force? Set by the api layer; NULL: no. */
extern bool (*write_is_filtered)(void);

/* ---- printable.c: text from outside ---- */

/* Bytes of the UTF-8 character at `text`, which has not ended; 1 where there is none, which is not
 * printable. Nor are controls, and what changes the direction of text. */
size_t text_character(const char *text, bool *is_printable);
/* Put '?' in place of what is not printable; gives the length that is left. */
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
/* 512 B, 12.3 MiB: four digits at most before the point. */
struct short_text text_of_size(uint64_t bytes);

/* Purpose: text that is built up and handed on piece by piece. `put` gets each full buffer. */
struct writer {
    void (*put)(void *context, const char *text, size_t length);
    void *context;
    size_t used;
    char buffer[1024];
};
/* A piece may have 319 bytes; of a longer one the rest is left out. */
__attribute__((format(printf, 2, 3))) void writer_add(struct writer *writer, const char *format,
                                                      ...);
/* Text of at most sizeof(writer->buffer) bytes. */
void writer_add_text(struct writer *writer, const char *text, size_t length);
/* Text from outside as a string of JSON, quotes included: what is not printable is '?'. */
void writer_add_quoted(struct writer *writer, const char *text);
void writer_flush(struct writer *writer);

/* ---- log.c: messages without allocation or stdio; safe in a signal handler ---- */

#define LOG_LINE_MAX 400

/* One line to standard error: "hakmem: [PID] ...", unless descriptor 2 may not be written to
 * (write.c). What is not printable in it is '?'. Keeps errno. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
/* The same text without the prefix, for lines whose form is fixed by others. */
__attribute__((format(printf, 1, 2))) void log_plain(const char *format, ...);
/* log_line, then abort(): the only way in which the allocator ends a program. No lock of ours may
 * be held: a SIGABRT handler may allocate. */
__attribute__((noreturn, format(printf, 1, 2))) void log_abort(const char *format, ...);

#endif
