// expect: double free
/* SPDX-License-Identifier: MIT */
/* A stale pointer frees what was handed out again; then its owner frees it. */
#include "misuse.h"

int main(void)
{
    uintptr_t stale = address_of(block_of(300));
    free(pointer_of(stale));
    void *again = block_of(300);
    free(pointer_of(stale));
    free(again);
    return 0;
}
