// expect: double free
/* SPDX-License-Identifier: MIT */
/* A block of aligned_alloc freed twice. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(aligned_alloc(4096, 100));
    free(pointer_of(block));
    free(pointer_of(block));
    return 0;
}
