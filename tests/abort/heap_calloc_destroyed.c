// expect: hak_heap_calloc(
/* SPDX-License-Identifier: MIT */
/* A zeroed block is asked of a destroyed heap. */
#include "heap_misuse.h"

int main(void)
{
    struct hak_heap *heap = heap_new();
    heap_destroy(heap);
    ((void *(*)(struct hak_heap *, size_t, size_t))name_of("hak_heap_calloc"))(heap, 10, 10);
    return 0;
}
