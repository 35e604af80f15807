// expect: double free
/* SPDX-License-Identifier: MIT */
/* realloc(p, 0) has freed the block. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(100));
    if (realloc(pointer_of(block), 0) != NULL)
        return 2;
    free(pointer_of(block));
    return 0;
}
