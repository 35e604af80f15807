/* SPDX-License-Identifier: MIT */
/*
 * A heap whose pinned pages are known: one function keeps few blocks in pages that were filled and
 * freed by another. Prints for each function that keeps some the free bytes that its blocks pin, as
 * "NAME BYTES BLOCKS", computed from their addresses alone; then "ready", and waits for ever. The
 * word "large" keeps so much that a coarse profile sees enough of it; "later" waits for a file
 * "begin", and allocates a little meanwhile.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096
#define SLAB 65536 /* where the allocator puts blocks of one size from the start on */
#define FEW_BLOCKS 2100

/* Purpose: the blocks of one size. */
struct kept {
    const char *name;
    size_t size;
    size_t every; /* one of so many blocks is kept */
    size_t count;
    uintptr_t *blocks;
};

__attribute__((noinline)) static void *keep_few(size_t size)
{
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

__attribute__((noinline)) static void *keep_crossing(size_t size)
{
    char *block = malloc(size);
    block[0] = 2;
    return block;
}

__attribute__((noinline)) static void *keep_all(size_t size)
{
    char *block = malloc(size);
    block[0] = 3;
    return block;
}

__attribute__((noinline)) static void *fill(size_t size)
{
    char *block = malloc(size);
    memset(block, 4, size);
    return block;
}

static void make(struct kept *kept, void *(*keep)(size_t))
{
    size_t fillers = kept->count * (kept->every - 1);
    /* the lists are of another lane than the blocks */
    kept->blocks = malloc((kept->count + 1) * sizeof *kept->blocks + (4 << 20));
    void **others = malloc((fillers + 1) * sizeof *others + (4 << 20));
    size_t other = 0;
    for (size_t i = 0; i < kept->count * kept->every; i++)
        if (i % kept->every == 0)
            kept->blocks[i / kept->every] = (uintptr_t)keep(kept->size);
        else
            others[other++] = fill(kept->size);
    while (other > 0)
        free(others[--other]);
    free(others);
}

/* Bytes of a block on a page. */
static size_t overlap(uintptr_t block, size_t size, uintptr_t page)
{
    uintptr_t start = block > page ? block : page;
    uintptr_t end = block + size < page + PAGE ? block + size : page + PAGE;
    return start < end ? end - start : 0;
}

static int compare(const void *a, const void *b)
{
    uintptr_t left = *(const uintptr_t *)a;
    uintptr_t right = *(const uintptr_t *)b;
    return (left > right) - (left < right);
}

/* Used bytes of a page; the blocks are sorted. */
static size_t used_on(const struct kept *kept, size_t around, uintptr_t page)
{
    size_t used = 0;
    size_t first = around;
    while (first > 0 && kept->blocks[first - 1] + kept->size > page)
        first--;
    for (size_t i = first; i < kept->count && kept->blocks[i] < page + PAGE; i++)
        used += overlap(kept->blocks[i], kept->size, page);
    return used;
}

static void tell(struct kept *kept)
{
    double pinned = 0;
    qsort(kept->blocks, kept->count, sizeof *kept->blocks, compare);
    for (size_t i = 0; i < kept->count; i++) {
        uintptr_t block = kept->blocks[i];
        uintptr_t slab = block / SLAB * SLAB;
        size_t in_blocks = SLAB / kept->size * kept->size; /* the rest is of no block */
        for (uintptr_t page = block / PAGE * PAGE; page < block + kept->size; page += PAGE) {
            size_t used = used_on(kept, i, page);
            size_t of_blocks = overlap(slab, in_blocks, page);
            pinned += (double)(of_blocks - used) * (double)overlap(block, kept->size, page) /
                      (double)used;
        }
    }
    printf("%s %.0f %zu\n", kept->name, pinned, kept->count);
}

int main(int argc, char **argv)
{
    int is_large = argc > 1 && strcmp(argv[1], "large") == 0;
    struct kept few = {"keep_few", 128, 32, FEW_BLOCKS, NULL};
    struct kept crossing = {"keep_crossing", 1536, 5, 600, NULL};
    struct kept all = {"keep_all", 256, 1, 5000, NULL};
    while (argc > 1 && strcmp(argv[1], "later") == 0 && access("begin", F_OK) != 0) {
        for (int i = 0; i < 100000; i++)
            free(fill(16));
        usleep(1000);
    }
    if (is_large)
        few = (struct kept){"keep_few", 2048, 2, 60000, NULL};
    make(&few, keep_few);
    make(&crossing, keep_crossing);
    make(&all, keep_all);
    tell(&few);
    tell(&crossing);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
