/* SPDX-License-Identifier: MIT */
/*
 * Tests that a walk's work is bounded, and prints what walks take: the median for stacks of 5, 20
 * and 60 frames, warm; for the first walk; where the stack's bounds are not known; and backtrace()
 * beside it. The times are for the reader; no verdict depends on them.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#include <execinfo.h>
#include <time.h>
#include <ucontext.h>

#define FRAMES 128
#define WALKS 2001
#define apart __attribute__((noinline))

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t times[WALKS];

static void print_median(const char *what, size_t frames, uint64_t first)
{
    qsort(times, WALKS, sizeof(times[0]), compare);
    printf("%-28s %4zu frames: median %6.2f us, 99%% %6.2f us, first %7.2f us\n", what, frames,
           (double)times[WALKS / 2] / 1000, (double)times[WALKS * 99 / 100] / 1000,
           (double)first / 1000);
}

static apart void walk_often(const char *what)
{
    uint64_t frames[FRAMES];
    size_t count = 0;
    for (unsigned i = 0; i < WALKS; i++) {
        struct stack_registers registers;
        uint64_t begin = now_ns();
        stack_capture(&registers);
        count = stack_walk(&registers, frames, FRAMES);
        times[i] = now_ns() - begin;
    }
    print_median(what, count, times[0]);
}

static apart void trace_often(const char *what)
{
    void *frames[FRAMES];
    int count = 0;
    for (unsigned i = 0; i < WALKS; i++) {
        uint64_t begin = now_ns();
        count = backtrace(frames, FRAMES);
        times[i] = now_ns() - begin;
    }
    print_median(what, (size_t)count, times[0]);
}

typedef void measurement(const char *what);

/* 8 functions, so that not all frames have one rule. */
#define FUNCTION(name, next, bytes)                                                                \
    static apart void name(unsigned depth, measurement *measure, const char *what)                 \
    {                                                                                              \
        char room[bytes];                                                                          \
        __asm__ volatile("" : : "r"(room) : "memory");                                             \
        if (depth == 0)                                                                            \
            measure(what);                                                                         \
        else                                                                                       \
            next(depth - 1, measure, what);                                                        \
        __asm__ volatile("" ::: "memory");                                                         \
    }
static void f0(unsigned depth, measurement *measure, const char *what);
FUNCTION(f7, f0, 16)
FUNCTION(f6, f7, 40)
FUNCTION(f5, f6, 200)
FUNCTION(f4, f5, 64)
FUNCTION(f3, f4, 90)
FUNCTION(f2, f3, 16)
FUNCTION(f1, f2, 400)
FUNCTION(f0, f1, 24)

static ucontext_t outside, inside;

static void run_coroutine(void)
{
    f0(15, walk_often, "unknown bounds");
}

static void test_cost(void **state)
{
    (void)state;
    static char room[256 * 1024];
    stack_start();
    f0(0, walk_often, "few");
    f0(12, walk_often, "stack_walk");
    f0(52, walk_often, "deep");
    CHECK_EQ(getcontext(&inside), 0);
    inside.uc_stack.ss_sp = room;
    inside.uc_stack.ss_size = sizeof(room);
    inside.uc_link = &outside;
    makecontext(&inside, run_coroutine, 0);
    CHECK_EQ(swapcontext(&outside, &inside), 0);
    f0(12, trace_often, "backtrace()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
