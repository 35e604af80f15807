/* SPDX-License-Identifier: MIT */
/*
 * Bounds the number of children. Children that do not end when they are told to count too.
 */
#include "serve/workers.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "serve/collection.h"

/* The longest time of a look at one process, with its names. */
#define LOOK_SECONDS 70.0
/* A child takes a moment to end; if it takes longer than this, it hangs. */
#define END_SECONDS 2.0

bool workers_is_running(const struct workers *workers, int number)
{
    return workers->jobs[number].child != 0;
}

void workers_reap(struct workers *workers)
{
    for (size_t i = workers->ended_count; i-- > 0;) {
        pid_t got = waitpid(workers->ended[i].child, NULL, WNOHANG);
        if (got != 0 && !(got < 0 && errno == EINTR))
            workers->ended[i] = workers->ended[--workers->ended_count];
    }
}

/* Does a child hang in a look at this process? */
static bool is_stuck(const struct workers *workers, pid_t pid)
{
    double now = clock_seconds();
    for (size_t i = 0; i < workers->ended_count; i++)
        if (workers->ended[i].pid == pid && now - workers->ended[i].since > END_SECONDS)
            return true;
    return false;
}

static int find_free(const struct workers *workers, const struct order *order)
{
    int first = order->pid == 0 ? 0 : order->seconds ? 1 + WORKERS_SHORT : 1;
    int end = order->pid == 0 ? 1 : order->seconds ? WORKERS_COUNT : 1 + WORKERS_SHORT;
    for (int i = first; i < end; i++)
        if (!workers_is_running(workers, i))
            return i;
    return -1;
}

int workers_start(struct workers *workers, const struct order *order, struct answer *answer)
{
    double seconds = order->pid == 0 ? COLLECTION_JOB_SECONDS
                                     : LOOK_SECONDS + (double)order->seconds;
    for (int i = 0; i < WORKERS_COUNT; i++)
        if (workers_is_running(workers, i) && order_is_equal(&workers->jobs[i].order, order))
            return i;
    workers_reap(workers);
    int number = find_free(workers, order);
    if (order->pid != 0 && is_stuck(workers, order->pid))
        *answer = answer_line(ANSWER_LATE, "process %d: a look at it has not come to its end",
                              (int)order->pid);
    else if (number < 0 || workers->ended_count >= WORKERS_ENDED_MAX ||
             !job_start(&workers->jobs[number], order, seconds))
        *answer = answer_line(ANSWER_BUSY, "too many looks at the same time: ask again");
    else
        return number;
    return -1;
}

void workers_end(struct workers *workers, int number, struct answer *answer)
{
    struct job *job = &workers->jobs[number];
    pid_t pid = job->order.pid;
    pid_t child = job_end(job, answer);
    if (child != 0)
        workers->ended[workers->ended_count++] = (struct ended_child){
            .child = child, .pid = pid, .since = clock_seconds()};
}
