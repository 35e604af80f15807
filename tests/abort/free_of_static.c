// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of static data. */
#include "misuse.h"

static _Alignas(64) char bytes[256] = {1};

int main(void)
{
    free(opaque(bytes));
    return 0;
}
