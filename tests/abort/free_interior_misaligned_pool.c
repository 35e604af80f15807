// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of a pointer into a pool block, aligned to nothing. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(4 * KIB);
    free(opaque(block + 13));
    return 0;
}
