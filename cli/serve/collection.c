/* SPDX-License-Identifier: MIT */
/*
 * Looks at all processes. The job has a child of its own, which looks at one process after the
 * other. If a process makes the child hang or fail, only the row of this process is missing, and
 * the process is tried again after longer and longer pauses. Processes without HAKMEM are
 * remembered, and looked at again only now and then.
 */
#include "serve/collection.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define LOOK_SECONDS 2.0
/* After this many collections, look again at a process without HAKMEM: it may have loaded it. */
#define FORGET_AFTER 10
/* The first pause of a bad process, in collections; it doubles each time. */
#define PAUSE_FIRST 4
#define PAUSE_MOST 640
#define FORGOTTEN UINT_MAX
#define KNOWN_MAX ((size_t)1 << 16)
/* The most processes that one collection looks at; the next one goes on with the others. */
#define LOOKED_AT_MAX ((size_t)1 << 14)

/* Purpose: the end of a collection's answer, after the rows. */
struct collection_tail {
    double seconds;
    uint64_t left_out;
    pid_t next;
};

/* ---- the child of the job: one process after the other ---- */

/* Purpose: a collection that is being made. */
struct round {
    const struct collection *old;
    FILE *out;
    pid_t *pids;
    size_t count;
    size_t good;
    double deadline;
};

static bool write_all(int file, const void *from, size_t size)
{
    for (const char *at = from; size > 0;) {
        ssize_t put = write(file, at, size);
        if (put <= 0)
            return false;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

static _Noreturn void look_at_each(const struct round *round, size_t first, int pipe_end)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm((unsigned)COLLECTION_JOB_SECONDS);
    for (size_t i = first; i < round->count; i++) {
        struct facts facts;
        char *metrics = NULL;
        size_t size = 0;
        FILE *memory = open_memstream(&metrics, &size);
        if (!memory)
            _exit(EXIT_FAILURE);
        facts_read(&facts, round->pids[i], memory);
        if (fclose(memory) != 0)
            _exit(EXIT_FAILURE);
        facts.text_size = facts.kind == FACTS_GOOD && size <= METRICS_BYTES_MAX ? size : 0;
        if (!write_all(pipe_end, &facts, sizeof facts) ||
            !write_all(pipe_end, metrics, facts.text_size))
            _exit(EXIT_FAILURE);
        free(metrics);
    }
    _exit(EXIT_SUCCESS);
}

/* ---- the job ---- */

static bool read_all(int pipe_end, void *into, size_t size, double deadline)
{
    for (char *at = into; size > 0;) {
        struct pollfd ready = {.fd = pipe_end, .events = POLLIN};
        double left = deadline - clock_seconds();
        if (left <= 0 || poll(&ready, 1, (int)(left * 1000) + 1) == 0)
            return false;
        ssize_t got = read(pipe_end, at, size);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return true;
}

/* Read the facts of one process, and its metrics, from the child. */
static bool read_facts(int pipe_end, struct facts *facts, char *metrics, double deadline)
{
    return read_all(pipe_end, facts, sizeof *facts, deadline) &&
           facts->text_size <= METRICS_BYTES_MAX &&
           read_all(pipe_end, metrics, facts->text_size, deadline);
}

static void put_facts(struct round *round, const struct facts *facts, const char *metrics)
{
    fwrite(facts, sizeof *facts, 1, round->out);
    fwrite(metrics, 1, facts->text_size, round->out);
    round->good += facts->kind == FACTS_GOOD;
}

/* Report the process at which the child has stopped. This does not touch its memory again. */
static void put_bad(struct round *round, pid_t pid, bool is_late)
{
    struct facts facts = {.pid = pid, .kind = FACTS_BAD, .identity = facts_identity(pid)};
    facts_read_name(&facts);
    if (!facts.program[0])
        return; /* it has ended */
    snprintf(facts.why, sizeof facts.why, "process %d (%s): %s", (int)pid, facts.program,
             is_late ? "a look at it takes too long" : "a look at it failed");
    put_facts(round, &facts, "");
}

static pid_t start_child(const struct round *round, size_t first, int *pipe_end)
{
    int ends[2];
    fflush(round->out);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        look_at_each(round, first, ends[1]);
    }
    close(ends[1]);
    if (child < 0)
        close(ends[0]);
    *pipe_end = ends[0];
    return child;
}

/* Look at the processes from `first` on with one child. Returns the first that is left. */
static size_t look_at_some(struct round *round, size_t first)
{
    static struct facts facts;
    static char metrics[METRICS_BYTES_MAX];
    int pipe_end;
    size_t i = first;
    pid_t child = start_child(round, first, &pipe_end);
    if (child < 0)
        return round->count;
    while (i < round->count && round->good < PROCESSES_MAX) {
        double due = clock_seconds() + LOOK_SECONDS;
        bool is_last = round->deadline < due;
        if (read_facts(pipe_end, &facts, metrics, is_last ? round->deadline : due)) {
            put_facts(round, &facts, metrics);
            i++;
            continue;
        }
        bool is_late = clock_seconds() >= (is_last ? round->deadline : due);
        if (!is_late || !is_last)
            put_bad(round, round->pids[i++], is_late);
        break;
    }
    close(pipe_end);
    kill(child, SIGKILL); /* it may hang in the kernel, so the job does not wait for it */
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return i;
}

/* ---- which processes ---- */

static int compare_known(const void *a, const void *b)
{
    pid_t left = ((const struct known_process *)a)->facts.pid;
    pid_t right = ((const struct known_process *)b)->facts.pid;
    return (left > right) - (left < right);
}

/* Look for a process among the first `count` that are known. */
static struct known_process *find_known(const struct collection *collection, size_t count,
                                        pid_t pid)
{
    const struct known_process key = {.facts.pid = pid};
    return count ? bsearch(&key, collection->known, count, sizeof key, compare_known) : NULL;
}

static bool is_to_be_looked_at(const struct collection *old, pid_t pid)
{
    const struct known_process *known = find_known(old, old->known_count, pid);
    return !known || known->retry_at <= old->rounds || known->facts.identity != facts_identity(pid);
}

static pid_t first_pid;

/* The processes for which the last collection had no time come first. */
static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a;
    pid_t right = *(const pid_t *)b;
    bool is_left_late = left < first_pid;
    bool is_right_late = right < first_pid;
    if (is_left_late != is_right_late)
        return is_left_late - is_right_late;
    return (left > right) - (left < right);
}

static void list_pids(struct round *round)
{
    pid_t own = getpid();
    DIR *listing = opendir("/proc");
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid <= 0 || pid == own || !is_to_be_looked_at(round->old, pid))
            continue;
        round->pids = memory_resize(round->pids, round->count + 1, sizeof *round->pids);
        round->pids[round->count++] = pid;
    }
    if (listing)
        closedir(listing);
    first_pid = round->old->next;
    if (round->count > 0)
        qsort(round->pids, round->count, sizeof *round->pids, compare_pids);
}

unsigned collection_work(const struct order *order, FILE *out, enum content *content)
{
    double begin = clock_seconds();
    struct collection_tail tail = {0};
    struct round round = {
        .old = order->context, .out = out, .deadline = begin + COLLECTION_SECONDS};
    size_t at = 0;
    *content = CONTENT_TEXT;
    list_pids(&round);
    size_t all = round.count;
    if (round.count > LOOKED_AT_MAX)
        round.count = LOOKED_AT_MAX;
    while (at < round.count && round.good < PROCESSES_MAX && clock_seconds() < round.deadline)
        at = look_at_some(&round, at);
    tail.left_out = all - at;
    /* if there are too many, the same ones are shown each time */
    tail.next = at < all && round.good < PROCESSES_MAX ? round.pids[at] : 0;
    tail.seconds = clock_seconds() - begin;
    fwrite(&tail, sizeof tail, 1, out);
    return ANSWER_OK;
}

/* ---- the server: the answer ---- */

static void clear_rows(struct collection *collection)
{
    for (size_t i = 0; i < collection->count; i++)
        free(collection->rows[i].metrics);
    collection->count = 0;
}

static void add_row(struct collection *collection, const struct facts *facts, const char *metrics)
{
    char *copy = malloc(facts->text_size + 1);
    if (!copy || collection->count == PROCESSES_MAX) {
        free(copy);
        return;
    }
    memcpy(copy, metrics, facts->text_size);
    copy[facts->text_size] = '\0';
    collection->rows[collection->count++] = (struct process_row){*facts, copy};
}

/* Add a process to the end of the known ones; `old` is its earlier entry. */
static void remember(struct collection *collection, const struct facts *facts,
                     const struct known_process *old)
{
    bool is_bad = facts->kind == FACTS_BAD;
    unsigned pause = !is_bad ? FORGET_AFTER : old && old->pause ? 2 * old->pause : PAUSE_FIRST;
    if (pause > PAUSE_MOST)
        pause = PAUSE_MOST;
    if (collection->known_count == KNOWN_MAX)
        return;
    if (collection->known_count == collection->known_room) {
        size_t room = collection->known_room ? 2 * collection->known_room : 64;
        void *list = realloc(collection->known, room * sizeof *collection->known);
        if (!list)
            return;
        collection->known = list;
        collection->known_room = room;
    }
    collection->known[collection->known_count++] = (struct known_process){
        *facts, is_bad ? pause : 0, collection->rounds + pause};
}

/* Drop entries for which there is a newer one, and processes that have ended. Asking whether a
 * process has a directory in /proc never hangs. */
static void forget_some(struct collection *collection)
{
    char path[32];
    size_t kept = 0;
    for (size_t i = 0; i < collection->known_count; i++) {
        snprintf(path, sizeof path, "/proc/%d", (int)collection->known[i].facts.pid);
        if (collection->known[i].pause != FORGOTTEN && access(path, F_OK) == 0)
            collection->known[kept++] = collection->known[i];
    }
    collection->known_count = kept;
    if (kept > 0)
        qsort(collection->known, kept, sizeof *collection->known, compare_known);
}

static int compare_rows(const void *a, const void *b)
{
    pid_t left = ((const struct process_row *)a)->facts.pid;
    pid_t right = ((const struct process_row *)b)->facts.pid;
    return (left > right) - (left < right);
}

static void end_texts(struct facts *facts)
{
    facts->program[sizeof facts->program - 1] = '\0';
    facts->command[sizeof facts->command - 1] = '\0';
    facts->why[sizeof facts->why - 1] = '\0';
}

bool collection_take(struct collection *collection, const struct answer *answer)
{
    struct collection_tail tail;
    struct facts facts;
    if (answer->status != ANSWER_OK || answer->size < sizeof tail)
        return false; /* the job has failed */
    size_t size = answer->size - sizeof tail;
    size_t at = 0;
    memcpy(&tail, answer->body + size, sizeof tail);
    clear_rows(collection);
    collection->rounds++;
    for (size_t known = collection->known_count; size - at >= sizeof facts; at += facts.text_size) {
        memcpy(&facts, answer->body + at, sizeof facts);
        at += sizeof facts;
        if (facts.text_size > size - at)
            break;
        end_texts(&facts);
        struct known_process *old = find_known(collection, known, facts.pid);
        if (facts.kind == FACTS_GOOD)
            add_row(collection, &facts, answer->body + at);
        else
            remember(collection, &facts, old);
        old = find_known(collection, known, facts.pid); /* the list may have moved */
        if (old)
            old->pause = FORGOTTEN;
    }
    forget_some(collection);
    qsort(collection->rows, collection->count, sizeof collection->rows[0], compare_rows);
    collection->next = tail.next;
    collection->left_out = tail.left_out;
    collection->seconds = tail.seconds;
    collection->at = clock_seconds();
    return true;
}

size_t collection_count(const struct collection *collection, enum facts_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < collection->known_count; i++)
        /* the kernel's own threads have no command line, and nobody may read them */
        count += collection->known[i].facts.kind == kind &&
                 (kind != FACTS_REFUSED || collection->known[i].facts.command[0]);
    return count;
}
