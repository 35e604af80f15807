// expect: free(
/* SPDX-License-Identifier: MIT */
/* A block of a destroyed heap is freed. */
#include "heap_misuse.h"

int main(void)
{
    struct hak_heap *heap = heap_new();
    void *block = heap_malloc(heap, 100);
    heap_destroy(heap);
    free(opaque(block));
    return 0;
}
