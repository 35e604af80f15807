// expect: hak_heap_destroy(
/* SPDX-License-Identifier: MIT */
/* A block of a heap is destroyed as if it were the heap. */
#include "heap_misuse.h"

int main(void)
{
    heap_destroy(heap_malloc(heap_new(), 1000));
    return 0;
}
