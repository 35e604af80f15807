/* SPDX-License-Identifier: MIT */
/*
 * Finds the answer that a request wants, from its path and its parameters.
 */
#ifndef HAK_CLI_ROUTE_H
#define HAK_CLI_ROUTE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/types.h>

#include "serve/answer.h"
#include "serve/job.h"

enum route_kind {
    ROUTE_PAGE,      /* a page, script or style that is always the same */
    ROUTE_METRICS,   /* of the collection */
    ROUTE_PROCESSES, /* of the collection */
    ROUTE_JOB        /* about one process */
};

/* Purpose: the answer that a request wants. */
struct route {
    enum route_kind kind;
    enum content content; /* of a page, and of metrics */
    void (*write)(FILE *out);
    bool has_classes;
    job_work *work; /* NULL: google-pprof asks whether there are names */
    int variant;
    pid_t pid; /* 0: the one that profiles */
    const char *program;
    unsigned seconds;
    bool takes_body; /* addresses may be posted */
};

/* Find the route of a request. False: there is none, and the answer says why. route->program lives
 * as long as the connection. */
bool route_find(struct route *route, struct MHD_Connection *connection, const char *path,
                struct answer *answer);

#endif
