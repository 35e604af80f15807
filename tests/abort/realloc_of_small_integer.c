// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* realloc of a small integer. */
#include "misuse.h"

int main(void)
{
    free(opaque(realloc(opaque((const void *)0x10), 1000)));
    return 0;
}
