// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of an address where nothing is mapped. */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *mapping = mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapping == MAP_FAILED || munmap(mapping, 64 * KIB) != 0)
        return 2;
    free(opaque(mapping + 4096));
    return 0;
}
