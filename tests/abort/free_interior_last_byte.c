// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of the last byte of a block. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(48);
    free(opaque(block + 47));
    return 0;
}
