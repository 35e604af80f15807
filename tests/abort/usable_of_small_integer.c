// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of a small integer. */
#include "misuse.h"

int main(void)
{
    volatile size_t usable = malloc_usable_size(opaque((const void *)0x10));
    (void)usable;
    return 0;
}
