// expect: double free
/* SPDX-License-Identifier: MIT */
/* realloc of a block that is free (ace lane). */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(100 * KIB));
    free(pointer_of(block));
    free(opaque(realloc(pointer_of(block), 2 * (100 * KIB))));
    return 0;
}
