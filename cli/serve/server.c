/* SPDX-License-Identifier: MIT */
/*
 * The loop of the server. It has one thread, so that it can make a child at any time. Nothing in it
 * may take long: each look at a process is a job.
 */
#include "serve/server.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "serve/clients.h"
#include "serve/collection.h"
#include "serve/metrics.h"
#include "serve/processes.h"
#include "serve/workers.h"

#define COMMAND "hakmem serve"
/* The most bytes of a request without its body. */
#define REQUEST_BYTES_MAX ((size_t)32 << 10)
/* All clients that ask within this time get the same collection. */
#define FRESH_SECONDS 1.0
#define FILES_OF_OTHERS 64
#define ADDRESSES_MAX ((size_t)1 << 16)

/* Purpose: the server. */
static struct server {
    const struct guard *guard;
    struct MHD_Daemon *daemon;
    struct clients clients;
    struct workers workers;
    struct collection collection;
    bool is_ending;
} server;

/* ---- answers ---- */

static enum MHD_Result send_answer(struct client *client, struct answer *answer)
{
    struct reply *reply = reply_make(answer);
    client_begin_answer(client);
    return reply ? reply_send(reply, client->connection) : MHD_NO;
}

/* Let the client wait until the job has ended. */
static enum MHD_Result wait_for_job(struct client *client, const struct order *order)
{
    struct answer answer;
    int job = workers_start(&server.workers, order, &answer);
    if (job < 0)
        return send_answer(client, &answer);
    client->state = CLIENT_WAITS;
    client->job = job;
    MHD_suspend_connection(client->connection);
    return MHD_YES;
}

/* ---- answers from the collection ---- */

static bool is_fresh(const struct client *client)
{
    const struct collection *collection = &server.collection;
    return collection->at > 0 &&
           (client->has_waited || clock_seconds() - collection->at < FRESH_SECONDS);
}

static enum MHD_Result wait_for_collection(struct client *client)
{
    const struct order order = {.work = collection_work, .context = &server.collection};
    return wait_for_job(client, &order);
}

static enum MHD_Result send_collected(struct client *client)
{
    struct answer answer;
    bool is_metrics = client->route.kind == ROUTE_METRICS;
    FILE *out = answer_begin(&answer, is_metrics ? client->route.content : CONTENT_JSON);
    const struct metrics_form form = {.is_open = client->route.content == CONTENT_OPENMETRICS,
                                      .has_classes = client->route.has_classes};
    if (out && is_metrics)
        metrics_write(out, &server.collection, &form);
    else if (out)
        processes_write(out, &server.collection);
    answer_end(&answer, out);
    return send_answer(client, &answer);
}

static enum MHD_Result send_page(struct client *client)
{
    struct answer answer;
    FILE *out = answer_begin(&answer, client->route.content);
    if (out)
        client->route.write(out);
    answer_end(&answer, out);
    return send_answer(client, &answer);
}

/* ---- answers that need a job about one process ---- */

/* "0x12+0x34": returns their number. The body becomes the array. */
static size_t read_addresses(const char *body, uint64_t **addresses)
{
    size_t count = 0;
    *addresses = malloc(ADDRESSES_MAX * sizeof **addresses);
    for (const char *at = body; *addresses && at && count < ADDRESSES_MAX;) {
        char *end;
        uint64_t address = strtoull(at, &end, 16);
        if (end == at)
            break;
        (*addresses)[count++] = address;
        at = *end == '+' ? end + 1 : NULL;
    }
    return count;
}

static enum MHD_Result begin_job(struct client *client, pid_t pid)
{
    const struct route *route = &client->route;
    uint64_t *addresses = NULL;
    struct order order = {
        .work = route->work, .pid = pid, .seconds = route->seconds, .variant = route->variant};
    if (route->takes_body)
        order.address_count = read_addresses(client->body, &addresses);
    order.addresses = addresses;
    enum MHD_Result result = wait_for_job(client, &order);
    free(addresses); /* the child has its own copy */
    return result;
}

static enum MHD_Result ask_for_process(struct client *client)
{
    struct answer answer;
    if (client->route.takes_body && !client->body) {
        answer = answer_line(ANSWER_OK, "num_symbols: 1");
        return send_answer(client, &answer);
    }
    if (client->route.pid)
        return begin_job(client, client->route.pid);
    if (!is_fresh(client))
        return wait_for_collection(client);
    pid_t pid = processes_choose(&server.collection, client->route.program, &answer);
    return pid ? begin_job(client, pid) : send_answer(client, &answer);
}

/* ---- called by libmicrohttpd ---- */

static enum MHD_Result go_on(struct client *client)
{
    struct reply *reply = client->reply;
    if (reply) {
        client->reply = NULL;
        client_begin_answer(client);
        return reply_send(reply, client->connection);
    }
    switch (client->route.kind) {
    case ROUTE_PAGE: return send_page(client);
    case ROUTE_JOB: return ask_for_process(client);
    default: return is_fresh(client) ? send_collected(client) : wait_for_collection(client);
    }
}

static bool is_too_large(const struct client *client)
{
    const char *length = MHD_lookup_connection_value(client->connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length && strtoull(length, NULL, 10) > BODY_BYTES_MAX;
}

/* The head of a request has come: refuse it at once, or wait for the rest of it. */
static enum MHD_Result begin_request(struct client *client, const char *path, const char *method)
{
    struct answer answer;
    bool is_found = route_find(&client->route, client->connection, path, &answer);
    bool may_post = is_found && client->route.takes_body;
    struct answer refusal;
    if (is_found && is_too_large(client)) {
        answer = answer_line(ANSWER_TOO_LARGE, "at most %zu bytes can be posted", BODY_BYTES_MAX);
        is_found = false;
    }
    if (!guard_admits(server.guard, client->connection, method, may_post, &refusal)) {
        if (!is_found)
            free(answer.body);
        return send_answer(client, &refusal);
    }
    return is_found ? MHD_YES : send_answer(client, &answer);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *part,
                              size_t *size, void **seen)
{
    (void)context;
    (void)version;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct client *client = info ? info->socket_context : NULL;
    if (!client)
        return MHD_NO;
    if (!*seen) {
        *seen = client;
        return begin_request(client, path, method);
    }
    if (*size > 0) {
        /* drop a body that no path takes */
        bool is_good = !client->route.takes_body || client_take_body(client, part, *size);
        *size = 0;
        return is_good ? MHD_YES : MHD_NO;
    }
    return go_on(client);
}

static void connection_changes(void *context, struct MHD_Connection *connection, void **socket,
                               enum MHD_ConnectionNotificationCode code)
{
    (void)context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket = clients_add(&server.clients, connection);
    else if (*socket)
        clients_remove(&server.clients, *socket);
}

/* ---- jobs that have come to their end ---- */

static void resume(struct client *client, struct reply *reply)
{
    client->job = -1;
    client->state = CLIENT_READS;
    client->has_waited = true;
    client->due = INFINITY; /* until its answer begins */
    client->reply = reply;
    if (reply)
        reply->holders++;
    MHD_resume_connection(client->connection);
}

static void end_job(int number)
{
    struct answer answer;
    struct reply *reply = NULL;
    workers_end(&server.workers, number, &answer);
    bool is_collected = number == 0 && collection_take(&server.collection, &answer);
    if (is_collected)
        free(answer.body);
    else
        reply = reply_make(&answer);
    for (struct client *client = server.clients.first; client; client = client->next)
        if (client->state == CLIENT_WAITS && client->job == number)
            resume(client, reply);
    if (reply)
        reply_release(reply);
}

/* ---- the loop ---- */

enum { POLL_DAEMON, POLL_SIGNALS, POLL_JOBS };

static void read_signals(int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        server.is_ending = server.is_ending || info.ssi_signo != SIGCHLD;
    workers_reap(&server.workers);
}

/* The time until something may happen without an event of a file, in milliseconds. */
static int time_to_wait(double now)
{
    MHD_UNSIGNED_LONG_LONG idle;
    double next = clients_cut_off(&server.clients, now);
    for (int i = 0; i < WORKERS_COUNT; i++)
        if (workers_is_running(&server.workers, i) && server.workers.jobs[i].due < next)
            next = server.workers.jobs[i].due;
    double wait = next - now > 0 ? (next - now) * 1000 + 1 : 0;
    if (MHD_get_timeout(server.daemon, &idle) == MHD_YES && (double)idle < wait)
        wait = (double)idle;
    return wait < 60000 ? (int)wait : 60000;
}

static void look_at_jobs(const struct pollfd *polled)
{
    double now = clock_seconds();
    for (int i = 0; i < WORKERS_COUNT; i++) {
        struct job *job = &server.workers.jobs[i];
        if (!workers_is_running(&server.workers, i) || polled[POLL_JOBS + i].fd != job->pipe)
            continue;
        if ((polled[POLL_JOBS + i].revents && job_read(job)) || now >= job->due)
            end_job(i);
    }
}

static void run_loop(int signals)
{
    struct pollfd polled[POLL_JOBS + WORKERS_COUNT];
    int daemon = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    polled[POLL_DAEMON] = (struct pollfd){.fd = daemon, .events = POLLIN};
    polled[POLL_SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
    while (!server.is_ending) {
        if (MHD_run(server.daemon) != MHD_YES)
            break;
        for (int i = 0; i < WORKERS_COUNT; i++)
            polled[POLL_JOBS + i] = (struct pollfd){
                .fd = workers_is_running(&server.workers, i) ? server.workers.jobs[i].pipe : -1,
                .events = POLLIN};
        if (poll(polled, POLL_JOBS + WORKERS_COUNT, time_to_wait(clock_seconds())) < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        read_signals(signals);
        look_at_jobs(polled);
    }
}

/* ---- beginning and end ---- */

/* A file that reports the signals that end the server, and the ends of children. */
static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* it may have been ignored: then children cannot be waited for */
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The most connections: the limit on open files bounds them. */
static unsigned most_clients(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < CLIENTS_MAX + FILES_OF_OTHERS)
        return files.rlim_cur > FILES_OF_OTHERS ? (unsigned)files.rlim_cur - FILES_OF_OTHERS : 1;
    return CLIENTS_MAX;
}

/* Answer the clients that still wait: libmicrohttpd cannot end while they do. */
static void end_all(void)
{
    struct answer answer;
    for (int i = 0; i < WORKERS_COUNT; i++)
        if (workers_is_running(&server.workers, i)) {
            workers_end(&server.workers, i, &answer);
            free(answer.body);
        }
    answer = answer_line(ANSWER_BUSY, "the server is ending");
    struct reply *reply = reply_make(&answer);
    for (struct client *client = server.clients.first; client; client = client->next)
        if (client->state == CLIENT_WAITS)
            resume(client, reply);
    if (reply)
        reply_release(reply);
    MHD_run(server.daemon);
    MHD_stop_daemon(server.daemon);
}

int server_run(int listening, const struct guard *guard)
{
    int signals = catch_signals();
    server.guard = guard;
    if (signals >= 0)
        server.daemon = MHD_start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, NULL,
            MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_CONNECTION_LIMIT, most_clients(),
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1,
            MHD_OPTION_NOTIFY_CONNECTION, connection_changes, NULL, MHD_OPTION_END);
    if (!server.daemon)
        return cli_fail(EXIT_FAILURE, COMMAND ": the server cannot begin: %s", strerror(errno));
    run_loop(signals);
    end_all();
    return server.is_ending
               ? EXIT_SUCCESS
               : cli_fail(EXIT_FAILURE, COMMAND ": the server has failed: %s", strerror(errno));
}
