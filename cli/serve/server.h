/* SPDX-License-Identifier: MIT */
/*
 * The server: one thread that waits for clients, for the children that look at processes, and for a
 * signal that ends it.
 */
#ifndef HAK_CLI_SERVER_H
#define HAK_CLI_SERVER_H

#include "serve/guard.h"

/* Answer requests on a listening socket until SIGTERM or SIGINT. Returns the exit status. */
int server_run(int listening, const struct guard *guard);

#endif
