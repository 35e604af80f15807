/* SPDX-License-Identifier: MIT */
/*
 * A heap that is known: 1000 blocks of 200 bytes of which every second is freed, one span, two Huge
 * blocks, and a block that another thread has freed and keeps in its cache; and a function and
 * variables that are known by name. Prints the addresses and "ready", then waits for ever; with the
 * word "crash" it aborts, with "churn" it goes on allocating.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 1000

static void *written(size_t size)
{
    return memset(malloc(size), 1, size);
}

static pthread_barrier_t barrier;

/* What a root begins with, where none is. */
static volatile char decoy[128] = "\x89HAKMEM-ROOT\r\n\x1a";

int known_variable[64] = {1};
int known_zeroed[4096];

__attribute__((noinline)) int known_function(int index)
{
    return known_variable[index] + known_zeroed[64 * index];
}

static void *free_and_wait(void *unused)
{
    (void)unused;
    /* one of our own first: a thread that has allocated none gives small strangers back */
    void *block = written(3000);
    printf("thread %d\ncached %p\n", (int)gettid(), block);
    free(block);
    pthread_barrier_wait(&barrier);
    for (;;)
        pause();
    return NULL;
}

int main(int argc, char **argv)
{
    static char *blocks[BLOCKS];
    pthread_t thread;
    decoy[100] = 1;
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = written(200);
    char *span = written(300000);
    char *huge = written(5 << 20);
    char *kept = written((10 << 20) + 1);
    for (int i = 0; i < BLOCKS; i += 2)
        free(blocks[i]);
    free(written(4 << 20));
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, free_and_wait, NULL);
    pthread_barrier_wait(&barrier);
    printf("function %p\nvariable %p\nzeroed %p\nlibc %p\n", (void *)(uintptr_t)known_function,
           (void *)known_variable, (void *)known_zeroed, dlsym(RTLD_NEXT, "getppid"));
    printf("live %p\nfreed %p\nspan %p\nhuge %p\nkept %p\nready\n", (void *)blocks[501],
           (void *)blocks[998], (void *)span, (void *)huge, (void *)kept);
    fflush(stdout);
    if (argc > 1 && strcmp(argv[1], "crash") == 0)
        abort();
    while (argc > 1 && strcmp(argv[1], "churn") == 0) {
        free(written(3 << 20));
        usleep(2000);
    }
    for (;;)
        pause();
}
