// expect: double free
/* SPDX-License-Identifier: MIT */
/* Many frees, of the same and of other sizes, between the two. */
#include "misuse.h"

int main(void)
{
    static void *blocks[20000];
    for (size_t i = 0; i < 20000; i++)
        blocks[i] = block_of(i % 2 == 0 ? 64 : i % 3000);
    uintptr_t victim = address_of(blocks[10]);
    for (size_t i = 0; i < 20000; i++)
        free(blocks[i]);
    free(pointer_of(victim));
    return 0;
}
