// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of a pointer into a pool block. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(4 * KIB);
    volatile size_t usable = malloc_usable_size(opaque(block + 16));
    (void)usable;
    return 0;
}
