// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of the highest address. */
#include "misuse.h"

int main(void)
{
    free(opaque((const void *)UINTPTR_MAX));
    return 0;
}
