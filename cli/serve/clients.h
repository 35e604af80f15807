/* SPDX-License-Identifier: MIT */
/*
 * The connected clients, and the time that each may take.
 */
#ifndef HAK_CLI_CLIENTS_H
#define HAK_CLI_CLIENTS_H

#include "serve/reply.h"
#include "serve/route.h"

/* The most connections. From CLIENTS_CROWDED on, the client that has been sending its request for
 * the longest time is cut off. */
#define CLIENTS_MAX 256
#define CLIENTS_CROWDED 192
/* The most bytes of addresses that a request may post to get their names. */
#define BODY_BYTES_MAX ((size_t)1 << 20)

enum client_state {
    CLIENT_ASKS,  /* it is sending its request */
    CLIENT_WAITS, /* for a job; libmicrohttpd does not look at it meanwhile */
    CLIENT_READS  /* it is reading the answer */
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
    struct reply *reply; /* the answer for which it has waited */
    char *body;
    size_t body_size;
};

/* Purpose: all clients, the oldest first. Begin with zero. */
struct clients {
    struct client *first;
    struct client *last;
    size_t count;
};

/* Add a connection that has just been made; NULL: no memory. */
struct client *clients_add(struct clients *clients, struct MHD_Connection *connection);
void clients_remove(struct clients *clients, struct client *client);
/* Its request is complete: it has this time to read the answer. */
void client_begin_answer(struct client *client);
/* Keep a part of the body that it sends; false: the body is too long. */
bool client_take_body(struct client *client, const char *part, size_t size);
/* Cut off the clients whose time is over. Returns the moment at which the next client's time is
 * over. */
double clients_cut_off(struct clients *clients, double now);

#endif
