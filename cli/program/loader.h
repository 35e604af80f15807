/* SPDX-License-Identifier: MIT */
/*
 * Asks the dynamic loader whether it can preload a library.
 */
#ifndef HAK_CLI_LOADER_H
#define HAK_CLI_LOADER_H

#include <stdbool.h>
#include <stddef.h>

/* Does this command start if the library is preloaded? If not, `reason` has the loader's words. */
bool loader_can_preload(const char *library, char *reason, size_t size);

/* Explains why a program, named as on the command line, has not loaded the first library of
 * LD_PRELOAD. NULL if its file and its loader show no reason. The program is not run again. */
const char *loader_explain(const char *program);

/* Is the library linked into the program's own file? Then nothing needs to be preloaded. */
bool loader_is_linked(const char *program);

#endif
