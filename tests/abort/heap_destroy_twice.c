// expect: the heap has been destroyed already
/* SPDX-License-Identifier: MIT */
/* A heap is destroyed twice. */
#include "heap_misuse.h"

int main(void)
{
    struct hak_heap *heap = heap_new();
    heap_malloc(heap, 100);
    heap_destroy(heap);
    heap_destroy(heap);
    return 0;
}
