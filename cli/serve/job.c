/* SPDX-License-Identifier: MIT */
/*
 * Starts children, reads their answers and ends them. The only file that a child has from the
 * server is its end of a pipe. So no child keeps a client's connection open after the server closes
 * it.
 */
#include "serve/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define MEMORY_BYTES_MAX ((rlim_t)8 << 30)
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define FIRST_ROOM ((size_t)64 << 10)
/* A child ends itself this many seconds after the server should have ended it. */
#define GRACE_SECONDS 5
#define HEAD_MAGIC 0x4a4b4148u

/* Purpose: the head that a child writes before the body. An answer without a head, or shorter than
 * its head says, is not complete. */
struct answer_head {
    uint32_t magic;
    uint32_t status;
    uint32_t content;
    uint32_t unused;
    uint64_t size;
};

bool order_is_equal(const struct order *a, const struct order *b)
{
    return a->work == b->work && a->pid == b->pid && a->seconds == b->seconds &&
           a->variant == b->variant && a->context == b->context && !a->addresses && !b->addresses;
}

/* ---- the child ---- */

/* The memory limit is a soft limit: the child of this child that looks for names raises its own. */
static void bound_self(unsigned seconds)
{
    struct rlimit memory;
    const struct rlimit core = {0, 0};
    if (getrlimit(RLIMIT_AS, &memory) == 0) {
        if (memory.rlim_max == RLIM_INFINITY || memory.rlim_max > MEMORY_BYTES_MAX)
            memory.rlim_cur = MEMORY_BYTES_MAX;
        setrlimit(RLIMIT_AS, &memory);
    }
    setrlimit(RLIMIT_CORE, &core);
    alarm(seconds);
}

/* Close all files but one, which gets the number 3. Messages of the work go into its answer. */
static int keep_only(int pipe_end)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        dup2(nowhere, i);
    dup2(pipe_end, STDERR_FILENO + 1);
    close_range(STDERR_FILENO + 2, ~0U, 0);
    fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC);
    return STDERR_FILENO + 1;
}

static bool write_all(int pipe_end, const void *from, size_t size)
{
    for (const char *at = from; size > 0;) {
        ssize_t put = write(pipe_end, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

static _Noreturn void be_child(const struct order *order, int pipe_end, unsigned seconds,
                               pid_t parent)
{
    sigset_t none;
    struct answer answer;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    bound_self(seconds);
    pipe_end = keep_only(pipe_end);
    FILE *out = answer_begin(&answer, CONTENT_TEXT);
    if (out)
        answer.status = order->work(order, out, &answer.content);
    answer_end(&answer, out);
    const struct answer_head head = {.magic = HEAD_MAGIC,
                                     .status = answer.status,
                                     .content = answer.content,
                                     .size = answer.size};
    bool is_written = write_all(pipe_end, &head, sizeof head) &&
                      write_all(pipe_end, answer.body, answer.size);
    _exit(is_written ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- the server ---- */

bool job_start(struct job *job, const struct order *order, double seconds)
{
    int ends[2];
    pid_t parent = getpid();
    fflush(NULL); /* else the child would write the buffers once more */
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        be_child(order, ends[1], (unsigned)seconds + GRACE_SECONDS, parent);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return false;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *job = (struct job){
        .order = *order, .child = child, .pipe = ends[0], .due = clock_seconds() + seconds};
    return true;
}

/* Room for more of the answer. False: it is too long, or there is no memory. */
static bool make_room(struct job *job)
{
    size_t room = job->room ? 2 * job->room : FIRST_ROOM;
    if (job->length < job->room)
        return true;
    char *bytes = room <= ANSWER_BYTES_MAX ? realloc(job->bytes, room) : NULL;
    if (!bytes)
        return false;
    job->bytes = bytes;
    job->room = room;
    return true;
}

bool job_read(struct job *job)
{
    for (;;) {
        if (!make_room(job))
            return true;
        ssize_t got = read(job->pipe, job->bytes + job->length, job->room - job->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return false;
        if (got <= 0)
            return true;
        job->length += (size_t)got;
    }
}

/* Make the answer from the bytes that the child has written. */
static bool take_answer(struct job *job, struct answer *answer)
{
    struct answer_head head;
    if (job->length < sizeof head)
        return false;
    memcpy(&head, job->bytes, sizeof head);
    if (head.magic != HEAD_MAGIC || head.size != job->length - sizeof head ||
        head.content >= CONTENT_COUNT || head.status < ANSWER_OK || head.status > ANSWER_LATE)
        return false;
    memmove(job->bytes, job->bytes + sizeof head, head.size);
    *answer = (struct answer){head.status, head.content, job->bytes, head.size};
    job->bytes = NULL;
    return true;
}

pid_t job_end(struct job *job, struct answer *answer)
{
    bool is_late = clock_seconds() >= job->due;
    pid_t child = job->child;
    close(job->pipe);
    kill(child, SIGKILL);
    if (waitpid(child, NULL, WNOHANG) != 0)
        child = 0;
    if (!take_answer(job, answer))
        *answer = is_late ? answer_line(ANSWER_LATE, "a look takes too long")
                          : answer_line(ANSWER_BAD_TARGET,
                                        "a look failed: it was more than the server reads");
    free(job->bytes);
    *job = (struct job){.pipe = -1};
    return child;
}
