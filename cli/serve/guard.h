/* SPDX-License-Identifier: MIT */
/*
 * Checks whether a request may be answered: its method, its host name and its token.
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
    char token[TOKEN_MAX + 1]; /* "": none is needed */
    char host[64];             /* the address that the server listens on, without the port */
    bool is_local;             /* it is a loopback address */
};

/* Read a token from a file: one word, and only its owner and group may read the file. False, after
 * one line that says why: the file cannot be used. */
bool guard_read_token(struct guard *guard, const char *path);
/* May the request be answered? False: the answer says why not. */
bool guard_admits(const struct guard *guard, struct MHD_Connection *connection, const char *method,
                  bool may_post, struct answer *answer);

#endif
