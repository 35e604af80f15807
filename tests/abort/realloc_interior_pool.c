// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* realloc of a pointer into a pool block. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(4 * KIB);
    free(opaque(realloc(opaque(block + 32), 2 * (4 * KIB))));
    return 0;
}
