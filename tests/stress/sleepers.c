// args: 8 600
// args: 64 300
/* SPDX-License-Identifier: MIT */
/*
 * Those that take other threads' caches against their owners: THREADS threads sleep for random
 * moments, some of them in a signal handler that has interrupted whatever they did, with its signal
 * blocked or not, and between that allocate and free with a pattern in each block. The decay time
 * is a few milliseconds, so that the helper takes from their bins all the while, and so does a
 * thread that trims. One of them forks now and then, and the child goes on with what it has. No
 * block may be handed out twice, none lost, and hak_check must find nothing.
 */
#include "stress.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define BLOCKS 300
#define DECAY_MS "8"

static _Atomic int running;

static void sleep_us(long us)
{
    struct timespec time = {0, us * 1000};
    nanosleep(&time, NULL);
}

/* Longer than it takes the helper to find a thread idle: with the signal blocked, with none blocked
 * in the sleep alone, and with none blocked from then on. */
static void on_signal(int number)
{
    static _Atomic unsigned calls;
    int saved = errno;
    struct timespec time = {0, 15000000};
    sigset_t set;
    sigemptyset(&set);
    unsigned way = calls++ % 3;
    if (way == 2) {
        sigaddset(&set, number);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    if (way == 1)
        ppoll(NULL, 0, &time, &set);
    else
        nanosleep(&time, NULL);
    errno = saved;
}

static size_t short_size(uint64_t *random)
{
    uint64_t pick = random_next(random);
    return pick % 50 == 0 ? 1 + (pick >> 20) % (600 * KIB) : (pick >> 20) % 1200;
}

static void work(struct worker *worker, struct held *blocks)
{
    for (int i = 0; i < 200; i++) {
        struct held *held = &blocks[random_next(&worker->random) % BLOCKS];
        if (held->block != NULL)
            held_free(held);
        else
            held_allocate(held, short_size(&worker->random), &worker->random);
    }
}

static void fork_and_work(struct worker *worker, struct held *blocks)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 5; i++) {
            work(worker, blocks);
            sleep_us(100);
        }
        check_heap();
        _exit(0);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        REQUIRE(errno == EINTR);
    REQUIRE(status == 0);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct held blocks[BLOCKS] = {{0}};
    for (int step = 0; step < worker->steps / 10; step++) {
        work(worker, blocks);
        uint64_t pick = random_next(&worker->random);
        if (pick % 4 == 0)
            sleep_us((long)(pick >> 20) % 25000);
        if (worker->number == 1 && step % 40 == 39)
            fork_and_work(worker, blocks);
    }
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i].block != NULL)
            held_free(&blocks[i]);
    running--;
    return NULL;
}

/* Wherever a thread is: in the middle of a malloc, too. */
static void interrupt_them(struct worker *workers, int threads)
{
    uint64_t random = 5;
    while (running > 0) {
        int number = (int)(random_next(&random) % (uint64_t)threads);
        pthread_kill(workers[number].thread, SIGUSR1);
        for (int i = 0; i < 3; i++) {
            sleep_us(1000);
            if (hak_trim != NULL)
                hak_trim();
        }
    }
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 8, 1000);
    if (getenv("HAKMEM_DECAY_MS") == NULL) {
        setenv("HAKMEM_DECAY_MS", DECAY_MS, 1);
        setenv("HAKMEM_BACKGROUND", "1", 1);
        execv("/proc/self/exe", argv);
    }
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    for (int round = 0; round < 10; round++) {
        running = arguments.threads;
        workers_start(workers, arguments.threads, arguments.steps, run);
        interrupt_them(workers, arguments.threads);
        workers_join(workers, arguments.threads);
        check_heap();
    }
    return 0;
}
