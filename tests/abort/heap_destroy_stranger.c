// expect: not a heap from hak_heap_new
/* SPDX-License-Identifier: MIT */
/* A block of malloc is destroyed as a heap. */
#include "heap_misuse.h"

int main(void)
{
    heap_new();
    heap_destroy(block_of(10000));
    return 0;
}
