// args: 1 400
/* SPDX-License-Identifier: MIT */
/*
 * fork in a signal handler that has interrupted the allocator, in a program of one thread. The
 * child leaves the handler, finishes what was interrupted and allocates on, as the parent does
 * after it. A step is one such fork.
 */
#include "exchange.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#define CHILD_STEPS 50

static atomic_int forks;
static atomic_bool is_child;

static void fork_here(int signal)
{
    (void)signal;
    if (atomic_load(&is_child))
        return;
    int status;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(HANG_SECONDS); /* a deadlock ends as a failure */
        atomic_store(&is_child, true);
        return;
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    atomic_fetch_add(&forks, 1);
}

static void go_on_in_child(uint64_t *random)
{
    for (int step = 0; step < CHILD_STEPS; step++)
        exchange_step(random);
    check_heap();
    _exit(0);
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_read(argc, argv, 1, 400);
    struct sigaction action = {.sa_handler = fork_here, .sa_flags = SA_RESTART};
    struct itimerval interval = {{0, 1000}, {0, 1000}};
    uint64_t random = 77;
    if (STRESS_SANITIZED)
        return 0;        /* a sanitizer's own part of fork allocates */
    alarm(HANG_SECONDS); /* as in the child */
    sigemptyset(&action.sa_mask);
    REQUIRE(sigaction(SIGPROF, &action, NULL) == 0);
    REQUIRE(setitimer(ITIMER_PROF, &interval, NULL) == 0);
    while (atomic_load(&forks) < arguments.steps) {
        exchange_step(&random);
        if (atomic_load(&is_child))
            go_on_in_child(&random);
    }
    interval = (struct itimerval){{0, 0}, {0, 0}};
    REQUIRE(setitimer(ITIMER_PROF, &interval, NULL) == 0);
    exchange_empty();
    check_heap();
    return 0;
}
