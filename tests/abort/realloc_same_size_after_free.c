// expect: double free
/* SPDX-License-Identifier: MIT */
/* realloc of a free block to the size it had. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(112));
    free(pointer_of(block));
    free(opaque(realloc(pointer_of(block), 112)));
    return 0;
}
