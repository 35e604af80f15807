// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of a pointer into a tiny block, aligned to nothing. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(512);
    free(opaque(block + 13));
    return 0;
}
