// expect: double free
/* SPDX-License-Identifier: MIT */
/* A block of calloc freed twice. */
#include "misuse.h"

int main(void)
{
    uintptr_t block = address_of(calloc(10, 24));
    free(pointer_of(block));
    free(pointer_of(block));
    return 0;
}
