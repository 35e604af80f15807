// expect: double free
/* SPDX-License-Identifier: MIT */
/* Freed by a thread that has ended, then by another (tiny lane). */
#include "misuse.h"

#include <pthread.h>

static uintptr_t block;

static void *allocate_and_free(void *unused)
{
    (void)unused;
    block = address_of(block_of(112));
    free(pointer_of(block));
    return NULL;
}

int main(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, allocate_and_free, NULL) != 0)
        return 2;
    pthread_join(thread, NULL);
    free(pointer_of(block));
    return 0;
}
