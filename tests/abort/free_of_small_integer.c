// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of a small integer. */
#include "misuse.h"

int main(void)
{
    free(opaque((const void *)0x10));
    return 0;
}
