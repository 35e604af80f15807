// expect: double free
/* SPDX-License-Identifier: MIT */
/* realloc of a block that is free (huge lane). */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(3 * MIB));
    free(pointer_of(block));
    free(opaque(realloc(pointer_of(block), 2 * (3 * MIB))));
    return 0;
}
