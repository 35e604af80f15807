// expect: double free of a 32-byte block
/* SPDX-License-Identifier: MIT */
/* The same Tiny block freed twice in a row. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(32));
    free(pointer_of(block));
    free(pointer_of(block));
    return 0;
}
