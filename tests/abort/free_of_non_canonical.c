// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of an address that no pointer can have. */
#include "misuse.h"

int main(void)
{
    free(opaque((const void *)0x8000123456789ab0u));
    return 0;
}
