// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of a block of the program's own heap, whose blocks have their size in front. */
#include "misuse.h"

#include <sys/mman.h>

static size_t *heap;

static void *own_malloc(size_t size)
{
    size_t *block = heap + 1;
    size_t rounded = (size + 8 + 15) / 16 * 16;
    *heap = rounded;
    heap += rounded / sizeof(size_t);
    return block;
}

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    heap = mmap(NULL, MIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (heap == MAP_FAILED)
        return 2;
    heap += 1;
    void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = own_malloc(40);
    free(opaque(blocks[50]));
    return 0;
}
