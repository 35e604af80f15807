// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of a pointer into a huge block, aligned to nothing. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(3 * MIB);
    free(opaque(block + 13));
    return 0;
}
