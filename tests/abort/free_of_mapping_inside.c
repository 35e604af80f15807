// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of an address inside a mapping that the program has made, full of one byte. */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *mapping = mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapping == MAP_FAILED)
        return 2;
    memset(mapping, 0xff, 64 * KIB);
    free(opaque(mapping + 4096 + 16));
    return 0;
}
