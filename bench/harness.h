/* SPDX-License-Identifier: MIT */
/*
 * Shared by the workloads: parameters from the command line, a clock, random numbers, pages that
 * are really touched, threads, and the result line. It is one header, so each workload compiles by
 * itself:
 *
 *     cc -O2 -pthread FILE.c
 *
 * Nothing here calls malloc: only the workload and libc use the allocator under test. Memory for
 * the workload's own data comes from harness_map, and output is written by write(2).
 */
#ifndef HAK_BENCH_HARNESS_H
#define HAK_BENCH_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HARNESS_PAGE ((size_t)4096)

/* ---- Output ---- */

static inline void harness_write(int fd, const char *text)
{
    size_t bytes = strlen(text);
    if (write(fd, text, bytes) != (ssize_t)bytes) {
        _exit(1);
    }
}

/* Write a line of the result to stdout. The runner also shows a line that begins with "NOTE ". */
__attribute__((format(printf, 1, 2))) static inline void harness_say(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    harness_write(STDOUT_FILENO, text);
}

/* Write one line to stderr and exit: status 2 for wrong arguments, 1 for a run that failed. */
__attribute__((format(printf, 2, 3), noreturn)) static inline void
harness_fail(int status, const char *format, ...)
{
    char text[512];
    char line[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line, "%.64s: %s\n", program_invocation_short_name, text);
    harness_write(STDERR_FILENO, line);
    exit(status);
}

/* ---- Parameters: positional, in the table's order; those left out keep their default ---- */

struct harness_param {
    const char *name;
    uint64_t value; /* the default, until an argument replaces it */
    uint64_t min;
    uint64_t max;
    const char *words[4]; /* if set, the argument is one of these words and value is its index */
};

/* Parse "12", "64K", "8M", "1G". False if the text is not such a number. */
static inline bool harness_number(const char *text, uint64_t *out)
{
    static const char units[] = "KMG";
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9') {
        return false;
    }
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (number > UINT64_MAX >> shift || (unit ? end[1] : *end) != '\0') {
        return false;
    }
    *out = (uint64_t)number << shift;
    return true;
}

static inline void harness_parse_word(struct harness_param *param, const char *text)
{
    for (uint64_t i = 0; i < 4 && param->words[i]; i++) {
        if (strcmp(param->words[i], text) == 0) {
            param->value = i;
            return;
        }
    }
    char all[128] = "";
    for (size_t i = 0; i < 4 && param->words[i]; i++) {
        strncat(all, i ? ", " : "", sizeof all - strlen(all) - 1);
        strncat(all, param->words[i], sizeof all - strlen(all) - 1);
    }
    harness_fail(2, "%s must be one of %s, not '%s'", param->name, all, text);
}

static inline void harness_parse_number(struct harness_param *param, const char *text)
{
    if (!harness_number(text, &param->value) || param->value < param->min ||
        param->value > param->max) {
        harness_fail(2, "%s must be a number from %ju to %ju, not '%s'", param->name,
                     (uintmax_t)param->min, (uintmax_t)param->max, text);
    }
}

/* Fill params from the command line. A wrong argument ends the program with one line and exit
 * status 2; --help lists the parameters with their defaults. */
static inline void harness_parse(int argc, char **argv, struct harness_param *params, size_t count)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        harness_say("usage: %s [ARGUMENT]..., in this order\n", program_invocation_short_name);
        for (size_t i = 0; i < count; i++) {
            struct harness_param *p = &params[i];
            if (p->words[0]) {
                harness_say("  %-12s default %s\n", p->name, p->words[p->value]);
            } else {
                harness_say("  %-12s default %ju\n", p->name, (uintmax_t)p->value);
            }
        }
        exit(0);
    }
    if ((size_t)argc > count + 1) {
        harness_fail(2, "at most %zu arguments, not %d", count, argc - 1);
    }
    for (int i = 1; i < argc; i++) {
        struct harness_param *p = &params[i - 1];
        (p->words[0] ? harness_parse_word : harness_parse_number)(p, argv[i]);
    }
}

/* ---- Clock and random numbers ---- */

/* Seconds on the monotonic clock. */
static inline double harness_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* xorshift32: the next number; the state must not be 0. */
static inline uint32_t harness_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

/* A seed for each thread or round of a workload, for different streams of numbers; never 0. */
static inline uint32_t harness_seed(uint64_t seed, uint64_t index)
{
    return (uint32_t)((seed + index) * 2654435761u) | 1u;
}

/* Shuffle: each order is equally likely. */
static inline void harness_shuffle(void **items, size_t count, uint32_t *state)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = harness_random(state) % i;
        void *item = items[j];
        items[j] = items[i - 1];
        items[i - 1] = item;
    }
}

/* ---- Memory ---- */

/* Zeroed memory for the workload's own data, present from the start. */
static inline void *harness_map(size_t size)
{
    void *map = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (map == MAP_FAILED) {
        harness_fail(1, "no %zu bytes for bookkeeping", size);
    }
    return map;
}

/* Check that the block exists, and make the compiler believe that it is used. */
static inline void *harness_need(void *block, size_t size)
{
    if (__builtin_expect(block == NULL, 0)) {
        harness_fail(1, "out of memory: no block of %zu bytes", size);
    }
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

/* Write one byte of each page of block[from, size), and the last byte. */
static inline void harness_touch(void *block, size_t from, size_t size, unsigned char mark)
{
    volatile unsigned char *bytes = block;
    for (size_t i = from; i < size; i += HARNESS_PAGE) {
        bytes[i] = mark;
    }
    bytes[size - 1] = mark;
}

/* ---- Threads ---- */

/* Start one thread. */
static inline void harness_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    int error = pthread_create(thread, NULL, run, argument);
    if (error != 0) {
        harness_fail(1, "cannot start a thread: %s", strerror(error));
    }
}

/* ---- Result ---- */

/* A line of /proc/self/status in KiB ("VmHWM:" peak RSS, "VmRSS:" RSS now); 0 if there is none. Not
 * ru_maxrss: exec does not reset it on Linux, so it may be that of the program before. */
static inline unsigned long harness_status_kb(const char *key)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    const char *line = strstr(text, key);
    return line ? strtoul(line + strlen(key), NULL, 10) : 0;
}

/* The number of lines in /proc/self/maps. */
static inline unsigned long harness_mappings(void)
{
    char text[65536];
    unsigned long lines = 0;
    int fd = open("/proc/self/maps", O_RDONLY);
    for (ssize_t got; (got = read(fd, text, sizeof text)) > 0;) {
        for (ssize_t i = 0; i < got; i++) {
            lines += text[i] == '\n';
        }
    }
    close(fd);
    return lines;
}

/* The end of each workload: write the result for people, then the RESULT line for the runner. `ops`
 * is the number of calls of the allocator, `seconds` their time. */
static inline void harness_result(const char *name, uint64_t ops, double seconds)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double rate = seconds > 0 ? (double)ops / seconds : 0;
    harness_say("Throughput = %.0f ops/s\n", rate);
    harness_say("RESULT name=%s ops=%ju seconds=%.6f peak_rss_kb=%lu minflt=%ld rss_kb=%lu\n", name,
                (uintmax_t)ops, seconds, harness_status_kb("VmHWM:"), usage.ru_minflt,
                harness_status_kb("VmRSS:"));
}

#endif
