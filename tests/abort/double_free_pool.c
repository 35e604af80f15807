// expect: double free of a 4096-byte block
/* SPDX-License-Identifier: MIT */
/* The same Pool block freed twice in a row. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(4 * KIB));
    free(pointer_of(block));
    free(pointer_of(block));
    return 0;
}
