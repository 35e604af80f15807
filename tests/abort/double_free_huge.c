// expect: double free
/* SPDX-License-Identifier: MIT */
/* The same Huge block freed twice in a row. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(3 * MIB));
    free(pointer_of(block));
    free(pointer_of(block));
    return 0;
}
