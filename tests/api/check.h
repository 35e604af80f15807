/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/api share: checks that end the program with one line, and the names
 * that this libc may not have.
 *
 * Each program is built and run three ways: plain, under LD_PRELOAD of the library; linked with
 * libhakmem.so; linked with libhakmem.a. The linked builds define API_LINKED: then the names of
 * HAKMEM are referenced as any program would; the plain build finds them with dlsym. Exit status: 0
 * passed, 1 failed. With API_ALLOW_MISSING=1 in the environment (a run on another allocator, to
 * test the tests) what is missing is skipped; else it is a failure. Include this header first.
 */
#ifndef TESTS_API_CHECK_H
#define TESTS_API_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" const char *hak_version(void);
#else
#include <hakmem/hakmem.h>
#endif

#include "../hang.h"
#include "../pattern.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define PTRDIFF_LIMIT ((size_t)PTRDIFF_MAX)

/* What a loop is at (a size, mostly): each failure prints it. */
static __thread size_t check_case;

static inline void check_fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
static inline void check_fail(const char *file, int line, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "%s:%d: case %zu: %s\n", file, line, check_case, text);
    _exit(1);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_fail(__FILE__, __LINE__, "%s is false (errno %d)", #condition, errno);           \
    } while (0)

#define CHECK_COMPARE(a, operator, b)                                                              \
    do {                                                                                           \
        unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b);             \
        if (!(a_ operator b_))                                                                     \
            check_fail(__FILE__, __LINE__, "%s %s %s is false: %llu (0x%llx) and %llu (0x%llx)",   \
                       #a, #operator, #b, a_, a_, b_, b_);                                         \
    } while (0)
#define CHECK_EQ(a, b) CHECK_COMPARE(a, ==, b)
#define CHECK_LE(a, b) CHECK_COMPARE(a, <=, b)
#define CHECK_GE(a, b) CHECK_COMPARE(a, >=, b)

/* The call gives NULL and sets errno to `error`. */
#define CHECK_FAILS(call, error)                                                                   \
    do {                                                                                           \
        errno = 0;                                                                                 \
        void *result_ = opaque(call);                                                              \
        int errno_ = errno;                                                                        \
        if (result_ != NULL || errno_ != (error))                                                  \
            check_fail(__FILE__, __LINE__, "%s: %p with errno %d, not NULL with %s", #call,        \
                       result_, errno_, #error);                                                   \
    } while (0)

/* Keeps the compiler from knowing where a pointer or a number comes from: calls stay as written. */
static inline void *opaque(const void *pointer)
{
    void *result = (void *)(uintptr_t)pointer;
    __asm__ volatile("" : "+r"(result) : : "memory");
    return result;
}

static inline size_t opaque_size(size_t size)
{
    __asm__ volatile("" : "+r"(size));
    return size;
}

static inline bool is_aligned(const void *pointer, size_t alignment)
{
    return ((uintptr_t)pointer & (alignment - 1)) == 0;
}

static inline bool is_zero(const void *block, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)block;
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static inline bool api_allow_missing(void)
{
    const char *value = getenv("API_ALLOW_MISSING");
    return value != NULL && strcmp(value, "1") == 0;
}

/* True: the name is missing and that is allowed, so skip. Missing and not allowed ends the test. */
static inline bool api_skip(const char *name)
{
    if (!api_allow_missing())
        check_fail(__FILE__, __LINE__, "%s is not there", name);
    fprintf(stderr, "skipped: %s is not there\n", name);
    return true;
}

/* API_FUNCTION(name): the address of a function or variable of HAKMEM, NULL when not there. */
#ifdef API_LINKED
#define API_FUNCTION(name) (&(name))
#else
#define API_FUNCTION(name) ((__typeof__(&(name)))dlsym(RTLD_DEFAULT, #name))
#endif

/* True when the allocator under test is HAKMEM, whose promises go beyond the standards'. */
static inline bool api_is_hakmem(void)
{
    const char *(*version)(void) = API_FUNCTION(hak_version);
    return version != NULL || !api_skip("hak_version");
}

#ifndef __cplusplus
/* Names that this libc's headers may lack. */
extern void free_sized(void *block, size_t size);
extern void free_aligned_sized(void *block, size_t alignment, size_t size);
extern size_t memalignment(const void *pointer);
extern void *reallocf(void *block, size_t size);
extern void cfree(void *block);
#endif

#endif
