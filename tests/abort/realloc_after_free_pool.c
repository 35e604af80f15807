// expect: double free
/* SPDX-License-Identifier: MIT */
/* realloc of a block that is free (pool lane). */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(4 * KIB));
    free(pointer_of(block));
    free(opaque(realloc(pointer_of(block), 2 * (4 * KIB))));
    return 0;
}
