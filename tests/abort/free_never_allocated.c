// expect: not the start of a block
/* SPDX-License-Identifier: MIT */
/* free of an address in our memory that no block has had yet. */
#include "misuse.h"

int main(void)
{
    char *block = block_of(1000);
    uintptr_t slab = address_of(block) & ~(uintptr_t)(64 * KIB - 1);
    free(pointer_of(slab + 64 * KIB - 24));
    return 0;
}
