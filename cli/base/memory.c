/* SPDX-License-Identifier: MIT */
/*
 * The command's own memory. If there is none, the command ends.
 */
#include "base/memory.h"

#include <stdlib.h>

#include "base/message.h"

void *memory_resize(void *block, size_t count, size_t size)
{
    void *resized = reallocarray(block, count ? count : 1, size);
    if (!resized)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: out of memory"));
    return resized;
}
