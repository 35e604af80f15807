// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* realloc of a pointer into a tiny block. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(512);
    free(opaque(realloc(opaque(block + 32), 2 * (512))));
    return 0;
}
