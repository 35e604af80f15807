// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of a function. */
#include "misuse.h"

int main(void)
{
    free(opaque((const void *)(uintptr_t)main));
    return 0;
}
