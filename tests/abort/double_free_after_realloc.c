// expect: double free
/* SPDX-License-Identifier: MIT */
/* realloc moved the block; the old pointer is freed. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(100));
    uintptr_t moved = address_of(realloc(pointer_of(block), 100 * KIB));
    if (moved == block)
        return 2;
    free(pointer_of(block));
    free(pointer_of(moved));
    return 0;
}
