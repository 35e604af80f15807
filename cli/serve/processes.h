/* SPDX-License-Identifier: MIT */
/*
 * The list of processes as JSON, and the choice of one of them.
 */
#ifndef HAK_CLI_PROCESSES_H
#define HAK_CLI_PROCESSES_H

#include "serve/collection.h"

void processes_write(FILE *out, const struct collection *collection);
/* The only process that has a profile or, with `program`, the only one of this name. 0: there is
 * none, or there are several; then the answer says how to choose one. */
pid_t processes_choose(const struct collection *collection, const char *program,
                       struct answer *answer);

#endif
