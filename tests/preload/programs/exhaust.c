/* SPDX-License-Identifier: MIT */
/*
 * Owns a program that takes memory until there is none, in several sizes and threads, and proves
 * that nothing is lost: each refusal is NULL with ENOMEM, what is held keeps its pattern, and after
 * giving it back as much can be had again. Argument: the MiB it must get at least before the first
 * refusal. Prints one line.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define THREADS 3

/* No limit is that high: a run that gets there was not limited. */
#define TOO_MUCH (16384 * MIB)

/* What is held, in a list through the blocks themselves: nothing else is allocated. */
struct held {
    struct held *next;
    size_t size;
};

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "exhaust: %s\n", what);
    exit(1);
}

static void mark(struct held *block)
{
    /* a few bytes of each block, so that the run is about address space and not about page faults
     * */
    unsigned char *bytes = (unsigned char *)block;
    size_t edge = block->size - 1;
    if (edge >= sizeof *block)
        bytes[edge] = (unsigned char)(block->size * 31);
}

static bool is_marked(const struct held *block)
{
    const unsigned char *bytes = (const unsigned char *)block;
    size_t edge = block->size - 1;
    return edge < sizeof *block || bytes[edge] == (unsigned char)(block->size * 31);
}

/* Takes blocks of a size until refused; returns the bytes, and the blocks in *list. */
static size_t take_all(size_t size, struct held **list)
{
    size_t total = 0;
    while (total < TOO_MUCH) {
        errno = 0;
        struct held *block = malloc(size);
        if (!block) {
            check(errno == ENOMEM, "a refusal without ENOMEM");
            return total;
        }
        block->next = *list;
        block->size = size;
        mark(block);
        *list = block;
        total += size;
    }
    check(false, "no limit was met");
    return total;
}

static void give_back(struct held **list)
{
    while (*list) {
        struct held *block = *list;
        check(is_marked(block), "a block changed");
        *list = block->next;
        free(block);
    }
}

/* With nothing left, a realloc that is refused leaves the block as it was. */
static void refuse_realloc(struct held **list)
{
    struct held *block = *list;
    if (!block)
        return;
    struct held before = *block;
    /* volatile: compilers take a pointer that went to realloc for gone */
    struct held *volatile same = block;
    volatile size_t impossible = SIZE_MAX / 4;
    errno = 0;
    check(!realloc(block, impossible) && errno == ENOMEM, "realloc of the impossible");
    block = same;
    check(block->size == before.size && block->next == before.next && is_marked(block),
          "a refused realloc changed the block");
    errno = 0;
    check(!calloc(impossible, 8) && errno == ENOMEM, "calloc of the impossible");
}

static size_t exercise(size_t size)
{
    struct held *list = NULL;
    size_t first = take_all(size, &list);
    refuse_realloc(&list);
    give_back(&list);
    size_t second = take_all(size, &list);
    give_back(&list);
    check(second >= first / 10 * 9, "after giving all back, much less can be had");
    return first;
}

/* Until the barrier opens these only take up their stacks. */
static pthread_barrier_t barrier;

static void *churn(void *argument)
{
    size_t size = *(const size_t *)argument;
    pthread_barrier_wait(&barrier);
    for (int round = 0; round < 3; round++) {
        struct held *list = NULL;
        take_all(size, &list);
        give_back(&list);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static size_t sizes[] = {32 * 1024 * 1024, 3000000, 300000, 20000, 1000};
    const size_t count = sizeof sizes / sizeof sizes[0];
    pthread_t threads[THREADS];
    pthread_attr_t small;
    check(argc == 2, "usage: exhaust MIB");
    size_t least = strtoul(argv[1], NULL, 10) * MIB;
    size_t most = 0;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        check(!pthread_create(&threads[i], &small, churn, &sizes[i + 1]), "pthread_create");
    /* each size finds what the sizes before it gave back */
    for (size_t i = 0; i < count; i++) {
        size_t total = exercise(sizes[i]);
        if (total < least && sizes[i] <= least / 4) {
            fprintf(stderr, "exhaust: only %zu KiB in blocks of %zu\n", total / 1024, sizes[i]);
            return 1;
        }
        most = total > most ? total : most;
    }
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < count; i++)
        exercise(sizes[i]);
    printf("%zu MiB taken, given back and taken again, alone and by %d threads\n", most / MIB,
           THREADS);
    return 0;
}
