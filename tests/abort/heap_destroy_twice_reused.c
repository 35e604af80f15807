// expect: the heap has been destroyed already
/* SPDX-License-Identifier: MIT */
/* A heap is destroyed twice, and others have been made where it was. */
#include "heap_misuse.h"

int main(void)
{
    struct hak_heap *heap = heap_new();
    heap_malloc(heap, 100);
    heap_destroy(heap);
    for (int i = 0; i < 50; i++)
        heap_malloc(heap_new(), 100);
    heap_destroy(heap);
    return 0;
}
