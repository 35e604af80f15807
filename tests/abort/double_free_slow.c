// expect: double free
/* SPDX-License-Identifier: MIT */
/* The two frees stand in different slabs' worth of traffic and a trim. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(block_of(700));
    free(pointer_of(block));
    for (int i = 0; i < 3000; i++)
        free(block_of(701));
    malloc_trim(0);
    free(pointer_of(block));
    return 0;
}
