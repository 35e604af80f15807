/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/unit and tests/fault share: cmocka with its prerequisites, a check
 * that also works in forked children and other threads, children whose standard error is read,
 * standard error kept aside for a while, and a look at which pages are present.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "hang.h"
#include "pattern.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNIT_SANITIZED 1
#endif
#endif
#ifndef UNIT_SANITIZED
#define UNIT_SANITIZED 0
#endif

static bool unit_is_child;

/* One line on standard error; then the test has failed, or the child, or the thread's program. */
static inline void unit_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    fflush(stderr);
    if (unit_is_child || gettid() != getpid())
        _exit(1);
    _fail(file, line);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            unit_fail(__FILE__, __LINE__, #condition " is false");                                 \
    } while (0)

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b);             \
        if (a_ != b_) {                                                                            \
            char text_[256];                                                                       \
            snprintf(text_, sizeof(text_), "%s == %s is false: %llu and %llu", #a, #b, a_, b_);    \
            unit_fail(__FILE__, __LINE__, text_);                                                  \
        }                                                                                          \
    } while (0)

/* ---- children ---- */

/* Purpose: how a child ended, and what it wrote to standard error. */
struct unit_child {
    pid_t pid;
    int status;
    size_t length;
    char text[16384];
};

static inline void unit_read_all(int fd, struct unit_child *child)
{
    child->length = 0;
    for (;;) {
        char rest[512];
        size_t room = sizeof(child->text) - 1 - child->length;
        char *to = room ? child->text + child->length : rest;
        ssize_t got = read(fd, to, room ? room : sizeof(rest));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        if (room)
            child->length += (size_t)got;
    }
    child->text[child->length] = '\0';
}

static inline void unit_run_child(void (*body)(void), struct unit_child *child)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0 || (child->pid = fork()) < 0) {
        perror("unit_run_child");
        exit(1);
    }
    if (child->pid == 0) {
        static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};
        for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
            signal(caught[i], SIG_DFL); /* cmocka's handlers would go on with the next test */
        unit_is_child = true;
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body();
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    unit_read_all(ends[0], child);
    close(ends[0]);
    waitpid(child->pid, &child->status, 0);
}

/* The child must end with 0; else what it wrote is shown. */
#define CHECK_CHILD(body)                                                                          \
    do {                                                                                           \
        static struct unit_child child_;                                                           \
        unit_run_child(body, &child_);                                                             \
        if (child_.status != 0) {                                                                  \
            fprintf(stderr, "child: %s", child_.text);                                             \
            CHECK_EQ(WIFSIGNALED(child_.status) ? WTERMSIG(child_.status) : 0, 0);                 \
            CHECK_EQ(WEXITSTATUS(child_.status), 0);                                               \
        }                                                                                          \
    } while (0)

/* test_BODY, which runs `body` in a child: there is one heap in a process's life. */
#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_CHILD(body);                                                                         \
    }

/* The child must end with abort() and a line that has `expected` in it. */
#define CHECK_ABORTS(body, expected)                                                               \
    do {                                                                                           \
        static struct unit_child child_;                                                           \
        unit_run_child(body, &child_);                                                             \
        if (!WIFSIGNALED(child_.status) || WTERMSIG(child_.status) != SIGABRT ||                   \
            !strstr(child_.text, expected))                                                        \
            fprintf(stderr, "child, status %x: %s", child_.status, child_.text);                   \
        CHECK(WIFSIGNALED(child_.status) && WTERMSIG(child_.status) == SIGABRT);                   \
        CHECK(strstr(child_.text, expected) != NULL);                                              \
    } while (0)

/* ---- standard error kept aside ---- */

/* Purpose: lines written to standard error between unit_capture_begin and unit_capture_end. */
struct unit_capture {
    int saved;
    int file; /* a pipe's end: messages go to no file that a program has put there */
    char text[4096];
};

static inline void unit_capture_begin(struct unit_capture *capture)
{
    fflush(stderr);
    capture->saved = dup(STDERR_FILENO);
    int ends[2];
    CHECK(capture->saved >= 0 && pipe2(ends, O_NONBLOCK) == 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture->file = ends[0];
}

static inline void unit_capture_end(struct unit_capture *capture)
{
    fflush(stderr);
    dup2(capture->saved, STDERR_FILENO);
    ssize_t got = read(capture->file, capture->text, sizeof(capture->text) - 1);
    capture->text[got > 0 ? got : 0] = '\0';
    close(capture->file);
    close(capture->saved);
}

/* The checker finds faults, and one of its lines has `expected` in it. */
#define CHECK_REPORTS(call, expected)                                                              \
    do {                                                                                           \
        static struct unit_capture capture_;                                                       \
        unit_capture_begin(&capture_);                                                             \
        unsigned faults_ = (call);                                                                 \
        unit_capture_end(&capture_);                                                               \
        if (faults_ == 0 || !strstr(capture_.text, expected))                                      \
            fprintf(stderr, "wanted \"%s\", got: %s\n", expected, capture_.text);                  \
        CHECK(faults_ > 0);                                                                        \
        CHECK(strstr(capture_.text, expected) != NULL);                                            \
    } while (0)

/* ---- pages ---- */

/* Pages of [start, +size) that are present; -1 when part of it is not mapped. */
static inline long unit_present_pages(const void *start, size_t size)
{
    static unsigned char vector[65536];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size / page > sizeof(vector) || mincore((void *)(uintptr_t)start, size, vector) != 0)
        return -1;
    long present = 0;
    for (size_t i = 0; i < size / page; i++)
        present += vector[i] & 1;
    return present;
}

static inline bool unit_is_zero(const void *block, size_t size)
{
    const unsigned char *bytes = block;
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* ---- threads ---- */

#define UNIT_THREADS 4

/* Run a function in UNIT_THREADS threads, each with its number, and wait for them. */
static inline void unit_run_threads(void *(*body)(void *number))
{
    pthread_t threads[UNIT_THREADS];
    for (uintptr_t i = 0; i < UNIT_THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    for (unsigned i = 0; i < UNIT_THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static inline unsigned unit_random(uint64_t *state, unsigned below)
{
    return (unsigned)(random_next(state) % below);
}

/* The process's address space is limited from now on, though by far more than there is: what is
 * free is unmapped at once. Before the reservation is made. */
static inline void unit_ration(void)
{
    struct rlimit limit = {(rlim_t)1 << 60, RLIM_INFINITY};
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

#endif
