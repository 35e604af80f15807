// expect: double free
/* SPDX-License-Identifier: MIT */
/* Freed by two threads that both still run. */
#include "misuse.h"

#include <pthread.h>

static uintptr_t block;
static pthread_barrier_t barrier;

static void *free_and_wait(void *unused)
{
    (void)unused;
    free(pointer_of(block));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    block = address_of(block_of(200));
    pthread_barrier_init(&barrier, NULL, 2);
    if (pthread_create(&thread, NULL, free_and_wait, NULL) != 0)
        return 2;
    pthread_barrier_wait(&barrier);
    free(pointer_of(block));
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    return 0;
}
