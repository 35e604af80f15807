// args: 6 150
/* SPDX-License-Identifier: MIT */
/*
 * Children that no handler of pthread_atfork knows of: vfork, whose child runs on its parent's
 * memory and allocates there, and a bare clone(), whose child has copies of locks that other
 * threads may hold. While threads allocate such a child calls exec; where there is no other thread
 * it allocates from all lanes. The parent goes on, and its heap is sound.
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

static void use_clone_alone(uint64_t *random)
{
    struct held held[20];
    for (int i = 0; i < 20; i++)
        held_allocate(&held[i], random_size(random) % (64 * KIB), random);
    pid_t child = bare_fork();
    REQUIRE(child >= 0);
    for (int i = 0; i < 20; i++)
        held_free(&held[i]);
    if (child == 0) {
        alarm(HANG_SECONDS); /* a deadlock ends as a failure */
        for (int i = 0; i < 20; i++)
            held_allocate(&held[i], random_size(random) % (64 * KIB), random);
        check_heap();
        _exit(0);
    }
    wait_for(child);
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 6, 150);
    uint64_t random = 77;
    for (int step = 0; step < arguments.steps / 5; step++)
        use_clone_alone(&random);
    workers_start(workers, arguments.threads, 0, run_allocating);
    for (int step = 0; step < arguments.steps; step++) {
        use_vfork(&random, step % 2);
        use_clone_with_exec();
    }
    atomic_store(&stop, true);
    workers_join(workers, arguments.threads);
    exchange_empty();
    check_heap();
    return 0;
}
