// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of a variable on the stack. */
#include "misuse.h"

int main(void)
{
    char bytes[64] = {0};
    free(opaque(bytes + 16));
    return 0;
}
