// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* realloc of a variable on the stack. */
#include "misuse.h"

int main(void)
{
    char bytes[64] = {0};
    free(opaque(realloc(opaque(bytes + 16), 1000)));
    return 0;
}
