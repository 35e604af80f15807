// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of an address inside a block of libc's own malloc, after such blocks were freed: what was
 * right for one address says nothing of its neighbours. */
#include "misuse.h"

extern void *__libc_malloc(size_t size);

int main(void)
{
    for (int i = 0; i < 10; i++)
        free(opaque(__libc_malloc(i % 2 ? 100 : MIB)));
    char *block = __libc_malloc(1000);
    memset(block, 0, 1000);
    free(opaque(block + 160));
    return 0;
}
