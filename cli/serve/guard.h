/* SPDX-License-Identifier: MIT */
/*
 * Who may ask: the method, the name of the host and the token of a request.
 */
#ifndef HAK_CLI_GUARD_H
#define HAK_CLI_GUARD_H

#include <microhttpd.h>
#include <stdbool.h>

#include "serve/answer.h"

#define TOKEN_MIN 16
#define TOKEN_MAX 256

/* Purpose: the rules. Immutable once the server runs. */
struct guard {
    char token[TOKEN_MAX + 1]; /* "": none is asked for */
    char host[64];             /* the address that the server listens on, without the port */
    bool is_local;             /* it is a loopback address */
};

/* Read a token from a file: one word that only its owner and group may read. If it is not good,
 * writes one line and returns false. */
bool guard_read_token(struct guard *guard, const char *path);
/* May the request be answered? False: the answer says why not. */
bool guard_admits(const struct guard *guard, struct MHD_Connection *connection, const char *method,
                  bool may_post, struct answer *answer);

#endif
