/* SPDX-License-Identifier: MIT */
/*
 * A heap of many superslabs that all look different: blocks of 8 KiB, of which a share is freed
 * that grows from superslab to superslab, and begins anew. None is written to. Prints "ready", then
 * waits for ever.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCKS 100000
#define PER_SUPERSLAB 256

int main(void)
{
    static void *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(8192);
    for (unsigned i = 0; i < BLOCKS; i++)
        if ((i * UINT32_C(2654435761) >> 16) % 100 < i / PER_SUPERSLAB * 7 % 100)
            free(blocks[i]);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
