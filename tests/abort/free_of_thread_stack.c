// expect: not a pointer from malloc
/* SPDX-License-Identifier: MIT */
/* free of a variable on another thread's stack. */
#include "misuse.h"

#include <pthread.h>

static void *free_local(void *unused)
{
    (void)unused;
    char bytes[64] = {0};
    free(opaque(bytes));
    return NULL;
}

int main(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_local, NULL) != 0)
        return 2;
    pthread_join(thread, NULL);
    return 0;
}
