// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of an address in a mapping that may not be read. */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *mapping = mmap(NULL, 64 * KIB, PROT_NONE, flags, -1, 0);
    if (mapping == MAP_FAILED)
        return 2;
    free(opaque(mapping + 4096 + 16));
    return 0;
}
