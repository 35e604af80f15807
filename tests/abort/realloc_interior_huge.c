// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* realloc of a pointer into a huge block. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(3 * MIB);
    free(opaque(realloc(opaque(block + 32), 2 * (3 * MIB))));
    return 0;
}
