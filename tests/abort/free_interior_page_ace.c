// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of a page boundary inside an ACE span, where a slab begins. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(1 * MIB);
    free(opaque(block + 64 * KIB));
    return 0;
}
