// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* realloc of a pointer into a ace block. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(100 * KIB);
    free(opaque(realloc(opaque(block + 32), 2 * (100 * KIB))));
    return 0;
}
