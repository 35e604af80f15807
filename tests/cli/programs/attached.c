/* SPDX-License-Identifier: MIT */
/*
 * A process to be profiled from outside. It reads words from standard input, one a line, and
 * answers each with the word and the number of blocks of 1 KiB that it holds:
 *
 *   ten, one    take so many hundred blocks of 1 KiB more, in a function of that name
 *   free        free all blocks
 *   comb        take 10,000 blocks of 1 KiB and free all but each 16th
 *   kick        allocate and free one block of 100 bytes
 *   pairs       from now on, another thread allocates and frees in a loop, and never needs more
 *               than one block: its calls are all served by its thread cache
 *   busy        the same with blocks that are too large for any cache
 *   fork        a child does the same as `busy`; its number is written
 *   again       execute this program again
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS_MAX 100000
#define noinline __attribute__((noinline))

static void *blocks[BLOCKS_MAX];
static unsigned count;
void *volatile sink;
static const size_t small = 100;
static const size_t large = (size_t)4 << 20;

static noinline void take_ten(void)
{
    for (unsigned i = 0; i < 1000; i++)
        blocks[count++] = malloc(1024);
    sink = NULL;
}

static noinline void take_one(void)
{
    for (unsigned i = 0; i < 100; i++)
        blocks[count++] = malloc(1024);
    sink = NULL;
}

static noinline void take_comb(void)
{
    static void *teeth[10000];
    for (unsigned i = 0; i < 10000; i++)
        teeth[i] = malloc(1024);
    for (unsigned i = 0; i < 10000; i++)
        if (i % 16 != 0)
            free(teeth[i]);
    sink = NULL;
}

static noinline void kick(void)
{
    sink = malloc(small);
    free(sink);
}

static noinline void *allocate(void *argument)
{
    const size_t size = *(const size_t *)argument;
    for (;;) {
        sink = malloc(size);
        free(sink);
    }
    return NULL;
}

static void start_thread(const size_t *size)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, allocate, (void *)(size_t)size) != 0)
        abort();
}

static void obey(const char *word, char **argv)
{
    if (strcmp(word, "ten") == 0)
        take_ten();
    else if (strcmp(word, "one") == 0)
        take_one();
    else if (strcmp(word, "comb") == 0)
        take_comb();
    else if (strcmp(word, "kick") == 0)
        kick();
    else if (strcmp(word, "pairs") == 0)
        start_thread(&small);
    else if (strcmp(word, "busy") == 0)
        start_thread(&large);
    else if (strcmp(word, "again") == 0)
        execv(argv[0], argv);
    else if (strcmp(word, "free") == 0)
        while (count > 0)
            free(blocks[--count]);
}

int main(int argc, char **argv)
{
    char line[64];
    (void)argc;
    setvbuf(stdout, NULL, _IONBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    puts("ready");
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "fork") == 0) {
            pid_t child = fork();
            if (child == 0)
                allocate((void *)(size_t)&large);
            printf("fork %d\n", (int)child);
            continue;
        }
        obey(line, argv);
        printf("%s %u\n", line, count);
    }
    return 0;
}
