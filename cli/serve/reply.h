/* SPDX-License-Identifier: MIT */
/*
 * An answer with its headers, as libmicrohttpd sends it. Several clients may wait for the same one.
 */
#ifndef HAK_CLI_REPLY_H
#define HAK_CLI_REPLY_H

#include <microhttpd.h>

#include "serve/answer.h"

/* Purpose: a reply. Invariant: it lives as long as `holders` is not 0. */
struct reply {
    struct MHD_Response *response;
    unsigned status;
    unsigned holders;
};

/* Make a reply of an answer, whose body it takes; it has one holder. NULL: no memory. */
struct reply *reply_make(struct answer *answer);
void reply_release(struct reply *reply);
/* Send it, and release it. */
enum MHD_Result reply_send(struct reply *reply, struct MHD_Connection *connection);

#endif
