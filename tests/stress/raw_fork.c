// args: 6 100
/* SPDX-License-Identifier: MIT */
/*
 * Children that no handler of pthread_atfork knows of: vfork, whose child runs on its parent's
 * memory and allocates there, and a bare clone(), whose child has copies of locks that other
 * threads may hold. With other threads or without, such a child calls exec, or checks, resizes and
 * frees its parent's blocks and allocates from all lanes, in a second thread and in a child of its
 * own too. The parent goes on, and its heap is sound.
 */
#include "exchange.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static atomic_bool stop;

static void *run_allocating(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load(&stop))
        exchange_step(&worker->random);
    return NULL;
}

static void wait_for(pid_t child)
{
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (status != 0)
        stress_fail(__FILE__, __LINE__, "a child ended with status %x", (unsigned)status);
}

static void become_true(void)
{
    execl("/bin/true", "true", (char *)NULL);
    _exit(2);
}

static void use_vfork(uint64_t *random, bool with_exec)
{
    static void *volatile kept[8];
    pid_t child = vfork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 8; i++)
            kept[i] = test_realloc(test_malloc(random_size(random) % 4000 + 1), 5000);
        if (with_exec)
            become_true();
        _exit(0);
    }
    wait_for(child);
    for (int i = 0; i < 8; i++)
        test_free(kept[i]); /* the child's blocks are the parent's */
}

static pid_t bare_fork(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void use_clone_with_exec(void)
{
    pid_t child = bare_fork();
    REQUIRE(child >= 0);
    if (child == 0)
        become_true();
    wait_for(child);
}

#define BLOCKS 60

static void *allocate_all(void *argument)
{
    struct held held[BLOCKS];
    uint64_t random = (uintptr_t)argument;
    for (int i = 0; i < BLOCKS; i++)
        held_allocate(&held[i], random_size(&random), &random);
    for (int i = 0; i < BLOCKS; i++)
        held_free(&held[i]);
    return NULL;
}

/* What a child does with its parent's blocks, and with its own heap. */
static void live_as_child(struct held *held, uint64_t *random)
{
    pthread_t thread;
    alarm(HANG_SECONDS); /* a deadlock ends as a failure */
    for (int i = 0; i < BLOCKS; i++) {
        if (i % 3 == 0)
            held_resize(&held[i], random_size(random), random);
        held_free(&held[i]);
    }
    allocate_all((void *)(uintptr_t)*random);
    REQUIRE(pthread_create(&thread, NULL, allocate_all, (void *)(uintptr_t)5) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    allocate_all((void *)(uintptr_t)6);
    check_heap();
    if (child > 0)
        wait_for(child);
    _exit(0);
}

static void use_clone(uint64_t *random)
{
    struct held held[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        held_allocate(&held[i], random_size(random), random);
    pid_t child = bare_fork();
    REQUIRE(child >= 0);
    if (child == 0)
        live_as_child(held, random);
    for (int i = 0; i < BLOCKS; i++)
        held_free(&held[i]);
    wait_for(child);
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 6, 150);
    uint64_t random = 77;
    for (int step = 0; step < arguments.steps / 5; step++)
        use_clone(&random);
    workers_start(workers, arguments.threads, 0, run_allocating);
    for (int step = 0; step < arguments.steps; step++) {
        use_vfork(&random, step % 2);
        use_clone_with_exec();
        if (step % 5 == 0 && !STRESS_SANITIZED) /* whose own locks would be torn */
            use_clone(&random);
    }
    atomic_store(&stop, true);
    workers_join(workers, arguments.threads);
    exchange_empty();
    check_heap();
    return 0;
}
