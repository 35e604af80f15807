// expect: double free
/* SPDX-License-Identifier: MIT */
/* a, b, a in the ACE lane. */
#include "misuse.h"

int main(void)
{
    uintptr_t a = address_of(block_of(100 * KIB)), b = address_of(block_of(100 * KIB));
    free(pointer_of(a));
    free(pointer_of(b));
    free(pointer_of(a));
    return 0;
}
