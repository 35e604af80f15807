/* SPDX-License-Identifier: MIT */
/*
 * The clients that are connected, and how long each may take.
 */
#ifndef HAK_CLI_CLIENTS_H
#define HAK_CLI_CLIENTS_H

#include "serve/reply.h"
#include "serve/route.h"

/* The most connections; from so many on, the one that has sent no request for longest goes. */
#define CLIENTS_MAX 256
#define CLIENTS_CROWDED 192
/* The addresses that one request may have names for. */
#define BODY_BYTES_MAX ((size_t)1 << 20)

enum client_state {
    CLIENT_ASKS,  /* its request has not come to its end */
    CLIENT_WAITS, /* for a job; libmicrohttpd does not look at it */
    CLIENT_READS  /* it is being answered */
};

/* Purpose: one connection, which serves one request. Invariant: `job` >= 0 only if it waits. */
struct client {
    struct client *next;
    struct client *before;
    struct MHD_Connection *connection;
    int file;
    enum client_state state;
    double due; /* when it is cut off, unless it waits */
    struct route route;
    int job;
    bool has_waited;
    struct reply *reply; /* what it has waited for */
    char *body;
    size_t body_size;
};

/* Purpose: all of them, the oldest first. Begin with zero. */
struct clients {
    struct client *first;
    struct client *last;
    size_t count;
};

/* Add a connection that has just been made; NULL: no memory. */
struct client *clients_add(struct clients *clients, struct MHD_Connection *connection);
void clients_remove(struct clients *clients, struct client *client);
/* Its request has come: it has so long to read the answer. */
void client_begin_answer(struct client *client);
/* Keep a part of what it sends; false: it is too much. */
bool client_take_body(struct client *client, const char *part, size_t size);
/* Cut off those whose time is over. Returns the time at which the next one's is. */
double clients_cut_off(struct clients *clients, double now);

#endif
