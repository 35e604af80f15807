// expect: hak_heap_malloc(
/* SPDX-License-Identifier: MIT */
/* A block is asked of a destroyed heap, and another heap is where it was. */
#include "heap_misuse.h"

int main(void)
{
    struct hak_heap *heap = heap_new();
    heap_destroy(heap);
    heap_malloc(heap_new(), 100);
    heap_malloc(heap, 100);
    return 0;
}
