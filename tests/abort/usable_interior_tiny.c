// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of a pointer into a tiny block. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(512);
    volatile size_t usable = malloc_usable_size(opaque(block + 16));
    (void)usable;
    return 0;
}
