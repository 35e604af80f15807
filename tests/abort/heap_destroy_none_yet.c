// expect: not a heap from hak_heap_new
/* SPDX-License-Identifier: MIT */
/* A static object is destroyed as a heap, before there is any. */
#include "heap_misuse.h"

int main(void)
{
    static char object[10000];
    heap_destroy(opaque(object + 64));
    return 0;
}
