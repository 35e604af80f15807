// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of an aligned pointer inside a block of aligned_alloc. */
#include "misuse.h"

int main(void)
{
    char *block = opaque(aligned_alloc(64 * KIB, 200 * KIB));
    if (block == NULL)
        return 2;
    free(opaque(block + 64 * KIB));
    return 0;
}
