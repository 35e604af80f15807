// expect: double free
/* SPDX-License-Identifier: MIT */
/* a, b, a in the Tiny lane: the last freed block is another one. */
#include "misuse.h"

int main(void)
{
    uintptr_t a = address_of(block_of(32)), b = address_of(block_of(32));
    free(pointer_of(a));
    free(pointer_of(b));
    free(pointer_of(a));
    return 0;
}
