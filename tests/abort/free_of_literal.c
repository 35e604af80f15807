// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of a string literal. */
#include "misuse.h"

int main(void)
{
    free(opaque("a literal of some length"));
    return 0;
}
