// expect: not a heap from hak_heap_new
/* SPDX-License-Identifier: MIT */
/* A block is asked of no heap. */
#include "heap_misuse.h"

int main(void)
{
    heap_malloc(NULL, 100);
    return 0;
}
