// expect: hak_heap_realloc(
/* SPDX-License-Identifier: MIT */
/* A block of malloc is resized in a destroyed heap. */
#include "heap_misuse.h"

int main(void)
{
    struct hak_heap *heap = heap_new();
    heap_destroy(heap);
    void *(*resize)(struct hak_heap *, void *, size_t) = name_of("hak_heap_realloc");
    resize(heap, block_of(100), 1000);
    return 0;
}
