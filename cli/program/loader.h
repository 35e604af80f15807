/* SPDX-License-Identifier: MIT */
/*
 * What the dynamic loader says of a library that is to be preloaded.
 */
#ifndef HAK_CLI_LOADER_H
#define HAK_CLI_LOADER_H

#include <stdbool.h>
#include <stddef.h>

/* Does this very command start with the library preloaded? If not, `reason` says why not, in the
 * loader's words. */
bool loader_can_preload(const char *library, char *reason, size_t size);

/* Why a program, named as on the command line, has not loaded what is first in LD_PRELOAD: words
 * for the reader, or NULL where its file and its loader have nothing to say. The program is not run
 * again. */
const char *loader_explain(const char *program);

/* Is the library in the program's own file? Then nothing needs to be preloaded. */
bool loader_is_linked(const char *program);

#endif
