// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of a variable on the stack. */
#include "misuse.h"

int main(void)
{
    char bytes[64] = {0};
    volatile size_t usable = malloc_usable_size(opaque(bytes + 16));
    (void)usable;
    return 0;
}
