// expect: double free
/* SPDX-License-Identifier: MIT */
/* A block of size 0 freed twice. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(0));
    free(pointer_of(block));
    free(pointer_of(block));
    return 0;
}
