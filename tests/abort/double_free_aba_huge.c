// expect: double free
/* SPDX-License-Identifier: MIT */
/* a, b, a in the Huge lane. */
#include "misuse.h"

int main(void)
{
    uintptr_t a = address_of(block_of(3 * MIB)), b = address_of(block_of(3 * MIB));
    free(pointer_of(a));
    free(pointer_of(b));
    free(pointer_of(a));
    return 0;
}
