// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of a pointer into a ace block, aligned to nothing. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(100 * KIB);
    free(opaque(block + 13));
    return 0;
}
