// args: 2 60
// args: 8 40
/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn and vfork with exec, STEPS times, while THREADS threads allocate: every program
 * starts (with the same allocator, when preloaded) and ends well; the parent's heap stays intact.
 */
#include "exchange.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static atomic_bool stop;

static void *run_allocating(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        exchange_step(&worker->random);
    return NULL;
}

static pid_t start_by_spawn(char **arguments)
{
    pid_t child;
    int error = posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ);
    if (error != 0)
        stress_fail(__FILE__, __LINE__, "posix_spawn: error %d", error);
    return child;
}

static pid_t start_by_vfork(char **arguments)
{
    pid_t child = vfork();
    if (child == 0) {
        execve(arguments[0], arguments, environ);
        _exit(127);
    }
    REQUIRE(child > 0);
    return child;
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 8, 50);
    char *command[] = {"/bin/sh", "-c", "test \"$(echo 12; echo 3)\" = \"12\n3\"", NULL};
    workers_start(workers, arguments.threads, 0, run_allocating);
    uint64_t random = 5;
    for (int step = 0; step < arguments.steps; step++) {
        struct held held;
        held_allocate(&held, random_size(&random), &random);
        pid_t child = step % 2 == 0 ? start_by_spawn(command) : start_by_vfork(command);
        held_free(&held);
        int status;
        REQUIRE(waitpid(child, &status, 0) == child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            stress_fail(__FILE__, __LINE__, "program %d: wait status 0x%x", step, (unsigned)status);
    }
    atomic_store(&stop, true);
    workers_join(workers, arguments.threads);
    exchange_empty();
    check_heap();
    return 0;
}
