// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of an address in a mapping that the program has made. */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *mapping = mmap(NULL, MIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapping == MAP_FAILED)
        return 2;
    return malloc_usable_size(opaque(mapping + 256)) != 0;
}
