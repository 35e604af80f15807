// args: 1 4
// args: 2 4
/* SPDX-License-Identifier: MIT */
/*
 * A signal handler that interrupts the allocator, and does what programs do in handlers: exit,
 * quick_exit, abort, a fork whose child uses the allocator, or calls of every entry point. Each
 * entry point is interrupted by each of these, in a child of its own. None may hang. A step is one
 * such child of each kind. With 2 "threads" the figures are to be written at exit, which looks at
 * the whole heap.
 */
#include "exchange.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#define PATIENCE_SECONDS 30

static struct hak_heap *heap;
static struct hak_stats stats;
static char text[200000];
static void *held[8000];

/* ---- what is interrupted ---- */

static void step_malloc(uint64_t *random)
{
    void *blocks[60];
    for (int i = 0; i < 60; i++)
        blocks[i] = malloc(random_next(random) % 100000);
    for (int i = 0; i < 60; i++)
        free(blocks[i]);
}

static void step_aligned(uint64_t *random)
{
    free(aligned_alloc(256, 40000 + random_next(random) % 200000));
}

static void step_calloc(uint64_t *random)
{
    free(calloc(1, (3 << 20) + random_next(random) % 1000));
}

static void step_realloc(uint64_t *random)
{
    void *block = malloc(10);
    for (int i = 0; i < 12; i++)
        block = realloc(block, (size_t)10 << (i + (int)(random_next(random) % 4)));
    free(block);
}

static void step_heap(uint64_t *random)
{
    void *blocks[50];
    for (int i = 0; i < 50; i++)
        blocks[i] = hak_heap_malloc(heap, 16 + random_next(random) % 3000);
    for (int i = 0; i < 50; i++)
        free(blocks[i]);
}

static void step_heap_new(uint64_t *random)
{
    struct hak_heap *other = hak_heap_new();
    hak_heap_malloc(other, random_next(random) % 1000);
    hak_heap_calloc(other, 1, 100000);
    hak_heap_destroy(other);
}

static void step_trim(uint64_t *random)
{
    (void)random;
    hak_trim();
    malloc_trim(0);
}

static void step_mallinfo(uint64_t *random)
{
    (void)random;
    mallinfo2();
}

static void step_malloc_info(uint64_t *random)
{
    static FILE *nowhere;
    (void)random;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    malloc_info(0, nowhere);
}

static void step_malloc_stats(uint64_t *random)
{
    (void)random;
    malloc_stats();
}

static void step_stats(uint64_t *random)
{
    (void)random;
    hak_stats(&stats, sizeof stats);
    hak_stats_json(text, sizeof text);
}

static void step_check(uint64_t *random)
{
    (void)random;
    hak_check();
}

static void step_on_limit(uint64_t *random)
{
    (void)random;
    hak_on_limit(NULL, NULL);
}

static void *run_thread(void *unused)
{
    for (size_t i = 1; i < 30; i++)
        free(malloc(i * 100));
    return unused;
}

static void step_thread(uint64_t *random)
{
    pthread_t thread;
    (void)random;
    REQUIRE(pthread_create(&thread, NULL, run_thread, NULL) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

static void step_fork(uint64_t *random)
{
    (void)random;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void (*const steps[])(uint64_t *random) = {
    step_malloc,   step_aligned, step_calloc,   step_realloc,     step_heap,
    step_heap_new, step_trim,    step_mallinfo, step_malloc_info, step_malloc_stats,
    step_stats,    step_check,   step_on_limit, step_thread,      step_fork,
};

/* ---- what the handler does ---- */

enum act { ACT_EXIT, ACT_QUICK_EXIT, ACT_ABORT, ACT_FORK, ACT_CALLS, ACT_COUNT };
static enum act act;

/* What malloc gives while it is interrupted is a block like any other. */
static void call_all(void)
{
    char *block = malloc(100);
    REQUIRE(block != NULL);
    memset(block, 7, 100);
    block = realloc(block, 60000);
    REQUIRE(block != NULL && block[0] == 7 && block[99] == 7);
    REQUIRE(malloc_usable_size(block) >= 60000 || malloc_usable_size(block) == 0);
    free(block);
    char *zeroed = calloc(3, 1000);
    REQUIRE(zeroed != NULL && zeroed[0] == 0 && zeroed[2999] == 0);
    free(zeroed);
    free(aligned_alloc(4096, 8192));
    free(held[0]);
    held[1] = realloc(held[1], 3000);
    REQUIRE(held[1] == NULL || *(char *)held[1] == 1);
    struct hak_heap *other = hak_heap_new();
    if (other != NULL) {
        free(hak_heap_malloc(other, 100));
        hak_heap_destroy(other);
    }
    hak_heap_malloc(heap, 50);
    hak_trim();
    malloc_trim(0);
    mallinfo2();
    malloc_stats();
    hak_stats(&stats, sizeof stats);
    hak_stats_json(text, sizeof text);
    hak_check();
    hak_on_limit(NULL, NULL);
    hak_good_size(100);
}

static void fork_inside(void)
{
    int status;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(PATIENCE_SECONDS);
        call_all();
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        REQUIRE(errno == EINTR);
    _exit(status == 0 ? 0 : 2);
}

static void on_signal(int number)
{
    (void)number;
    switch (act) {
    case ACT_EXIT: exit(0);
    case ACT_QUICK_EXIT: quick_exit(0);
    case ACT_ABORT: abort();
    case ACT_FORK: fork_inside(); break;
    case ACT_CALLS: call_all(); exit(0);
    case ACT_COUNT: break;
    }
}

/* ---- a child ---- */

static void be_interrupted(unsigned step, uint64_t random)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval when = {{0, 0}, {0, 1000 + (long)(random_next(&random) % 8000)}};
    alarm(PATIENCE_SECONDS); /* a hang ends as a failure */
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (getenv("INSIDE_LOUD") == NULL)
        dup2(nowhere, STDERR_FILENO); /* where malloc_stats writes */
    heap = hak_heap_new();
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        held[i] = malloc(random_next(&random) % 2000 + 1);
        *(char *)held[i] = 1;
    }
    for (size_t i = 2; i < sizeof held / sizeof held[0]; i += 2)
        free(held[i]);
    REQUIRE(sigaction(SIGPROF, &action, NULL) == 0);
    REQUIRE(setitimer(ITIMER_PROF, &when, NULL) == 0);
    for (;;)
        steps[step](&random);
}

static void run_child(unsigned step, uint64_t seed)
{
    int status;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
        be_interrupted(step, seed);
    REQUIRE(waitpid(child, &status, 0) == child);
    if (act == ACT_ABORT ? WTERMSIG(status) != SIGABRT : status != 0)
        stress_fail(__FILE__, __LINE__, "step %u, act %d, seed %lu: status %x", step, (int)act,
                    (unsigned long)seed, (unsigned)status);
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_read(argc, argv, 1, 4);
    if (STRESS_SANITIZED || skip_missing(hak_heap_new, "hak_heap_new"))
        return 0; /* a sanitizer's own malloc is the one that is interrupted */
    if (arguments.threads == 2 && getenv("HAKMEM_STATS") == NULL) {
        setenv("HAKMEM_STATS", "exit", 1);
        execv("/proc/self/exe", argv);
    }
    for (int round = 0; round < arguments.steps; round++)
        for (unsigned step = 0; step < sizeof steps / sizeof steps[0]; step++)
            for (int next = 0; next < ACT_COUNT; next++) {
                act = (enum act)next;
                run_child(step, (uint64_t)round * 1000 + step * 10 + (unsigned)next + 1);
            }
    return 0;
}
