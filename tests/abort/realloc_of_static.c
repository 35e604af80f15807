// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* realloc of static data. */
#include "misuse.h"

static _Alignas(64) char bytes[256] = {1};

int main(void)
{
    free(opaque(realloc(opaque(bytes), 1000)));
    return 0;
}
