// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of a pointer into a pool block, aligned as a block is. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(4 * KIB);
    free(opaque(block + 64));
    return 0;
}
