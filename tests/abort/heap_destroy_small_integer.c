// expect: not a heap from hak_heap_new
/* SPDX-License-Identifier: MIT */
/* A number is destroyed as a heap. */
#include "heap_misuse.h"

int main(void)
{
    heap_new();
    heap_destroy(pointer_of(42));
    return 0;
}
