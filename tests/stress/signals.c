// args: 1 100000
// args: 8 12000
// args: 64 1500
/* SPDX-License-Identifier: MIT */
/*
 * Signals at a high rate while threads allocate: a 1 kHz interval timer, a thread that sends
 * signals to all others in turn, and each thread to itself. Handlers only count. Interrupted calls
 * of the allocator lose nothing.
 */
#include "exchange.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

#define RAISE_EVERY 100

static atomic_ulong timer_signals, sent_signals;
static atomic_bool stop;
static pthread_barrier_t barrier;
static struct worker workers[1000];

static void count_signal(int signal)
{
    atomic_fetch_add_explicit(signal == SIGALRM ? &timer_signals : &sent_signals, 1,
                              memory_order_relaxed);
}

static void handle(int signal)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    REQUIRE(sigaction(signal, &action, NULL) == 0);
}

static void set_timer(long microseconds)
{
    struct itimerval interval = {{0, microseconds}, {0, microseconds}};
    REQUIRE(setitimer(ITIMER_REAL, &interval, NULL) == 0);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    for (int step = 1; step <= worker->steps; step++) {
        exchange_step(&worker->random);
        if (step % RAISE_EVERY == 0)
            REQUIRE(raise(SIGUSR1) == 0);
    }
    pthread_barrier_wait(&barrier); /* all steps are done */
    pthread_barrier_wait(&barrier); /* nobody sends any more */
    return NULL;
}

/* Sends to the workers in turn. */
static void *run_sender(void *argument)
{
    int count = ((struct worker *)argument)->number;
    for (int i = 0; !atomic_load(&stop); i = (i + 1) % count) {
        REQUIRE(pthread_kill(workers[i].thread, SIGUSR2) == 0);
        nanosleep(&(struct timespec){0, 200000}, NULL);
    }
    return NULL;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Signals of each kind came while the threads ran. How many a second is told, not required: a busy
 * machine, or a sanitizer that holds signals back, would decide that. */
static void check_signals(double seconds)
{
    double handled = (double)(atomic_load(&timer_signals) + atomic_load(&sent_signals));
    fprintf(stderr, "%.0f signals in %.2f s: %.0f a second, %lu of the timer\n", handled, seconds,
            handled / seconds, atomic_load(&timer_signals));
    REQUIRE(atomic_load(&timer_signals) > 0 && atomic_load(&sent_signals) > 0);
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_read(argc, argv, 8, 5000);
    struct worker sender;
    REQUIRE(pthread_barrier_init(&barrier, NULL, (unsigned)arguments.threads + 1) == 0);
    handle(SIGALRM);
    handle(SIGUSR1);
    handle(SIGUSR2);
    double start = now();
    set_timer(1000);
    workers_start(workers, arguments.threads, arguments.steps, run);
    worker_start(&sender, arguments.threads, 0, run_sender);
    pthread_barrier_wait(&barrier);
    check_signals(now() - start);
    atomic_store(&stop, true);
    workers_join(&sender, 1);
    pthread_barrier_wait(&barrier);
    workers_join(workers, arguments.threads);
    while (atomic_load(&timer_signals) < 10)
        exchange_step(&sender.random);
    set_timer(0);
    REQUIRE(atomic_load(&sent_signals) > 0);
    exchange_empty();
    check_heap();
    return 0;
}
