/* SPDX-License-Identifier: MIT */
/*
 * The command's own memory.
 */
#ifndef HAK_CLI_MEMORY_H
#define HAK_CLI_MEMORY_H

#include <stddef.h>

/* What `realloc` gives, or the end of the command. */
void *memory_resize(void *block, size_t count, size_t size);

#endif
