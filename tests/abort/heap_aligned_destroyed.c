// expect: hak_heap_aligned_alloc(
/* SPDX-License-Identifier: MIT */
/* An aligned block is asked of a destroyed heap. */
#include "heap_misuse.h"

int main(void)
{
    struct hak_heap *heap = heap_new();
    heap_destroy(heap);
    ((void *(*)(struct hak_heap *, size_t, size_t))name_of("hak_heap_aligned_alloc"))(heap, 64, 10);
    return 0;
}
