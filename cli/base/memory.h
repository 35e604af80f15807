/* SPDX-License-Identifier: MIT */
/*
 * The command's own memory.
 */
#ifndef HAK_CLI_MEMORY_H
#define HAK_CLI_MEMORY_H

#include <stddef.h>

/* realloc; if there is no memory, the command ends. */
void *memory_resize(void *block, size_t count, size_t size);

#endif
