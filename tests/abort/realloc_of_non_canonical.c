// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* realloc of an address that no pointer can have. */
#include "misuse.h"

int main(void)
{
    free(opaque(realloc(opaque((const void *)0x8000123456789ab0u), 1000)));
    return 0;
}
