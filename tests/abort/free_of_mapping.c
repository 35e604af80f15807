// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of a mapping that the program has made, from its start. */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *mapping = mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapping == MAP_FAILED)
        return 2;
    memset(mapping, 0x5a, 64 * KIB);
    free(opaque(mapping));
    return 0;
}
