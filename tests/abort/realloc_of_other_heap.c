// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* realloc of a block of the program's own heap, in a mapping of many pages. */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    size_t *mapping = mmap(NULL, MIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapping == MAP_FAILED)
        return 2;
    for (size_t i = 0; i < MIB / sizeof(size_t); i++)
        mapping[i] = i;
    char *result = realloc(opaque(mapping + 1000), 50);
    return result != NULL;
}
