// expect: double free
/* SPDX-License-Identifier: MIT */
/* a, b, a in the Pool lane. */
#include "misuse.h"

int main(void)
{
    uintptr_t a = address_of(block_of(4 * KIB)), b = address_of(block_of(4 * KIB));
    free(pointer_of(a));
    free(pointer_of(b));
    free(pointer_of(a));
    return 0;
}
