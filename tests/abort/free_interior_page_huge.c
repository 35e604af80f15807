// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of an address far inside a Huge block, where a superslab begins. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(9 * MIB);
    uintptr_t inside = (address_of(block) + 4 * MIB) & ~(uintptr_t)(2 * MIB - 1);
    free(pointer_of(inside));
    return 0;
}
