/* SPDX-License-Identifier: MIT */
/*
 * known_sites leak|fragment|sizes [SEED]
 *
 * A program whose heap is known by call site, for profilers to find out (profile_truth.py). For
 * each function that allocates it prints a line "truth FUNCTION LIVE_BYTES USABLE_BYTES BLOCKS":
 * bytes asked for and live at the end, usable bytes of all blocks, and how many there were. It
 * exits with its blocks live.
 *
 *   leak      two functions leak, 69 to 31, beside others whose blocks are freed
 *   fragment  waves of blocks of five functions; of each wave few stay
 *   sizes     16 B, 1 KiB, 100 KiB and 10 MiB: 64 MiB of each, all kept
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define SITES 5

/* Purpose: what one function has allocated. */
struct site {
    const char *name;
    size_t live;
    size_t usable; /* of all blocks that there were */
    size_t blocks;
};
static struct site sites[SITES];
static unsigned site_count;
static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct site *site_of(const char *name)
{
    for (unsigned i = 0; i < site_count; i++)
        if (strcmp(sites[i].name, name) == 0)
            return &sites[i];
    sites[site_count] = (struct site){.name = name};
    return &sites[site_count++];
}

static void *counted(void *block, const char *name, size_t size)
{
    struct site *site = site_of(name);
    if (!block)
        abort();
    memset(block, 1, size);
    site->live += size;
    site->usable += malloc_usable_size(block);
    site->blocks++;
    return block;
}

static void gone(void *block, const char *name, size_t size)
{
    free(block);
    site_of(name)->live -= size;
}

/* The functions that allocate: not inlined, so that each has a frame, and no tail calls. */
#define ALLOCATES(name)                                                                            \
    static __attribute__((noinline)) void *name(size_t size)                                       \
    {                                                                                              \
        return counted(malloc(size), #name, size);                                                 \
    }
ALLOCATES(leak_orders)
ALLOCATES(leak_names)
ALLOCATES(make_message)
ALLOCATES(make_buffer)
ALLOCATES(make_index)
ALLOCATES(blocks_of_16)
ALLOCATES(blocks_of_1_kib)
ALLOCATES(blocks_of_100_kib)
ALLOCATES(blocks_of_10_mib)

/* ---- leak ---- */

static void run_leak(void)
{
    while (site_of("leak_orders")->live + site_of("leak_names")->live < 400 * MIB) {
        /* as many blocks of each size, 69 of 100 from the first */
        size_t size = 24 + next_random() % 2000;
        if (next_random() % 100 < 69)
            leak_orders(size);
        else
            leak_names(size);
        size_t passing = 64 + next_random() % 4000;
        gone(make_message(passing), "make_message", passing);
        if (next_random() % 16 == 0)
            gone(make_buffer(16 * passing), "make_buffer", 16 * passing);
    }
}

/* ---- fragment ---- */

#define WAVE 200000

static void run_fragment(void)
{
    static void *(*const makers[])(size_t) = {make_message, make_buffer, make_index, leak_orders,
                                              leak_names};
    static const char *const names[] = {"make_message", "make_buffer", "make_index", "leak_orders",
                                        "leak_names"};
    static const unsigned kept_of_100[] = {40, 20, 10, 5, 2};
    static void *blocks[WAVE];
    static size_t size_of[WAVE];
    for (unsigned wave = 0; wave < 50; wave++) {
        unsigned maker = wave % 5;
        for (unsigned i = 0; i < WAVE; i++) {
            size_of[i] = 32 + 16 * wave + next_random() % 64;
            blocks[i] = makers[maker](size_of[i]);
        }
        for (unsigned i = 0; i < WAVE; i++)
            if (next_random() % 100 >= kept_of_100[maker])
                gone(blocks[i], names[maker], size_of[i]);
    }
}

/* ---- sizes ---- */

static void run_sizes(void)
{
    for (unsigned i = 0; i < 64 * MIB / 16; i++)
        blocks_of_16(16);
    for (unsigned i = 0; i < 64 * MIB / 1024; i++)
        blocks_of_1_kib(1024);
    for (unsigned i = 0; i < 640; i++)
        blocks_of_100_kib(100 * 1024);
    for (unsigned i = 0; i < 6; i++)
        blocks_of_10_mib(10 * MIB);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (argc > 2)
        random_state ^= strtoull(argv[2], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15);
    if (strcmp(mode, "leak") == 0)
        run_leak();
    else if (strcmp(mode, "fragment") == 0)
        run_fragment();
    else if (strcmp(mode, "sizes") == 0)
        run_sizes();
    else
        return fprintf(stderr, "known_sites: '%s' is not leak, fragment or sizes\n", mode), 2;
    for (unsigned i = 0; i < site_count; i++)
        printf("truth %s %zu %zu %zu\n", sites[i].name, sites[i].live, sites[i].usable,
               sites[i].blocks);
    return fflush(stdout) == 0 ? 0 : 1;
}
