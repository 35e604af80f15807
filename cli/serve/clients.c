/* SPDX-License-Identifier: MIT */
/*
 * Keeps the list of clients. A client that is too slow, on purpose or not, is cut off by a shutdown
 * of its socket; then libmicrohttpd closes it.
 */
#include "serve/clients.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

#define ASK_SECONDS 15.0
#define READ_SECONDS 120.0

static void cut_off(struct client *client)
{
    shutdown(client->file, SHUT_RDWR);
    client->due = INFINITY;
}

/* Cut off the oldest client that is still sending its request, so that new clients find room. */
static void cut_off_oldest(struct clients *clients)
{
    for (struct client *client = clients->first; client; client = client->next)
        if (client->state == CLIENT_ASKS && client->due < INFINITY) {
            cut_off(client);
            return;
        }
}

struct client *clients_add(struct clients *clients, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *client = info ? malloc(sizeof *client) : NULL;
    if (!client)
        return NULL;
    *client = (struct client){.before = clients->last,
                              .connection = connection,
                              .file = info->connect_fd,
                              .due = clock_seconds() + ASK_SECONDS,
                              .job = -1};
    if (clients->count >= CLIENTS_CROWDED)
        cut_off_oldest(clients);
    *(clients->last ? &clients->last->next : &clients->first) = client;
    clients->last = client;
    clients->count++;
    return client;
}

void clients_remove(struct clients *clients, struct client *client)
{
    *(client->before ? &client->before->next : &clients->first) = client->next;
    *(client->next ? &client->next->before : &clients->last) = client->before;
    clients->count--;
    if (client->reply)
        reply_release(client->reply);
    free(client->body);
    free(client);
}

void client_begin_answer(struct client *client)
{
    client->state = CLIENT_READS;
    client->due = clock_seconds() + READ_SECONDS;
}

bool client_take_body(struct client *client, const char *part, size_t size)
{
    if (size > BODY_BYTES_MAX - client->body_size)
        return false;
    char *body = realloc(client->body, client->body_size + size + 1);
    if (!body)
        return false;
    memcpy(body + client->body_size, part, size);
    client->body = body;
    client->body_size += size;
    body[client->body_size] = '\0';
    return true;
}

double clients_cut_off(struct clients *clients, double now)
{
    double next = INFINITY;
    for (struct client *client = clients->first; client; client = client->next) {
        if (client->state == CLIENT_WAITS)
            continue;
        if (client->due <= now)
            cut_off(client);
        else if (client->due < next)
            next = client->due;
    }
    return next;
}
