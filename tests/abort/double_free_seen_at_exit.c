// expect: double free
/* SPDX-License-Identifier: MIT */
/* A few frees between the two, then the program ends at once. */
#include "misuse.h"

int main(void)
{
    void *blocks[20];
    for (size_t i = 0; i < 20; i++)
        blocks[i] = block_of(500);
    uintptr_t victim = address_of(blocks[7]);
    for (size_t i = 0; i < 20; i++)
        free(blocks[i]);
    free(pointer_of(victim));
    return 0;
}
