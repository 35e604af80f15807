// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of static data. */
#include "misuse.h"

static _Alignas(64) char bytes[256] = {1};

int main(void)
{
    volatile size_t usable = malloc_usable_size(opaque(bytes));
    (void)usable;
    return 0;
}
