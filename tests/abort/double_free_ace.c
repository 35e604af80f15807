// expect: double free
/* SPDX-License-Identifier: MIT */
/* The same ACE span freed twice in a row. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(100 * KIB));
    free(pointer_of(block));
    free(pointer_of(block));
    return 0;
}
