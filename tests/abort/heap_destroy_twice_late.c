// expect: the heap has been destroyed already
/* SPDX-License-Identifier: MIT */
/* A heap is destroyed twice, long after its memory has gone. */
#include "heap_misuse.h"

int main(void)
{
    static struct hak_heap *heaps[1000];
    for (int i = 0; i < 1000; i++)
        heap_malloc(heaps[i] = heap_new(), 100);
    for (int i = 0; i < 1000; i++)
        heap_destroy(heaps[i]);
    heap_destroy(heaps[700]);
    return 0;
}
