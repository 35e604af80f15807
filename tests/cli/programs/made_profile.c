/* SPDX-License-Identifier: MIT */
/*
 * A heap profile that is known: it is filled by hand, not by samples, with stacks of functions
 * below. Linked with the library's core, for the root and the store of stacks. Prints "ready" and
 * waits for ever. Words: "exit" ends it instead; "never" makes no profile; "jit" adds a stack of
 * code in no file; "many" has 100,000 stacks; "wrong", "huge", "endless", "store", "samples" and
 * "wild" say impossible things.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "diag/root.h"
#include "stack/stack.h"
#include "watch/profile.h"

#define SLOTS 4096
#define STORE_BYTES (1 * MIB)
#define DEPTH 64

static const struct root *volatile kept = &hakmem_root;
static struct profile_site *sites;

/* As a sampled block's stack is recorded: below a name of the allocator. */
__attribute__((noinline)) struct profile_site *xmalloc(unsigned slot)
{
    struct stack_registers registers;
    uint64_t frames[DEPTH];
    stack_capture(&registers);
    size_t depth = stack_walk(&registers, frames, DEPTH);
    atomic_store(&sites[slot].stack, stack_intern(profile.stacks, frames, depth));
    atomic_store(&sites[slot].peak_epoch, 1);
    return &sites[slot];
}

/* 2,100 blocks, 300 MiB, of which none was freed. */
__attribute__((noinline)) void load_orders(unsigned slot)
{
    struct profile_site *site = xmalloc(slot);
    atomic_store(&site->alloc_count, 2100 * SAMPLING_ONE);
    atomic_store(&site->alloc_bytes, 300 * MIB);
    atomic_store(&site->live_count, 2100 * SAMPLING_ONE);
    atomic_store(&site->live_bytes, 300 * MIB);
    atomic_store(&site->peak_count, 2000 * SAMPLING_ONE);
    atomic_store(&site->peak_bytes, 290 * MIB);
    atomic_store(&site->requested_bytes, 280 * MIB);
}

static always_inline struct profile_site *take_line(unsigned slot)
{
    return xmalloc(slot);
}

/* Much, and soon freed; 100 MiB are left. */
__attribute__((noinline)) void parse_lines(unsigned slot)
{
    struct profile_site *site = take_line(slot);
    atomic_store(&site->alloc_count, 1000000 * (uint64_t)SAMPLING_ONE);
    atomic_store(&site->alloc_bytes, 9 * GIB);
    atomic_store(&site->live_count, 1000 * SAMPLING_ONE);
    atomic_store(&site->live_bytes, 100 * MIB);
    atomic_store(&site->peak_count, 5000 * SAMPLING_ONE);
    atomic_store(&site->peak_bytes, 400 * MIB);
    atomic_store(&site->requested_bytes, 8 * GIB);
    atomic_store(&site->lifetimes[0], 600);
    atomic_store(&site->lifetimes[5], 390);
    atomic_store(&site->lifetimes[12], 10);
    site->label = 77;
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    return memory;
}

static void make(void)
{
    profile.stacks = stack_store_make(map(STORE_BYTES), STORE_BYTES);
    profile.sites = sites = map(SLOTS * sizeof *sites);
    profile.site_slots = SLOTS;
    profile.started_ms = 1764417600000;
    atomic_store(&profile.interval, 512 * KIB);
    atomic_store(&profile.is_on, 1);
    atomic_store(&profile.peak_epoch, 1);
    atomic_store(&profile.dropped_sites, 3);
    stack_start();
    load_orders(17);
    parse_lines(SLOTS - 1);
    /* a sample whose stack was not kept */
    atomic_store(&sites[5].stack, PROFILE_NO_STACK);
    atomic_store(&sites[5].alloc_count, SAMPLING_ONE / 2);
    atomic_store(&sites[5].alloc_bytes, 1 * MIB);
    atomic_store(&sites[5].live_count, SAMPLING_ONE / 2);
    atomic_store(&sites[5].live_bytes, 1 * MIB);
}

/* What a hostile or torn profile may say. */
static void make_wrong(void)
{
    static const uint32_t numbers[] = {2, 3, 1000, 0x7fffffff, 0xffffffff};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        atomic_store(&sites[100 + i].stack, numbers[i]);
        atomic_store(&sites[100 + i].live_bytes, 1);
    }
    atomic_store(&sites[17].requested_bytes, UINT64_MAX);
}

/* Samples of blocks that cannot be. */
static void make_wild(void)
{
    static const uint64_t addresses[] = {2, 16, UINT64_MAX, UINT64_MAX / 2, 4096, 4096};
    profile.sample_slots = SLOTS;
    profile.samples = map(SLOTS * sizeof *profile.samples);
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct profile_sample *sample = &profile.samples[i * 37];
        sample->weight_256 = i == 1 ? UINT64_MAX : SAMPLING_ONE;
        sample->size = sample->requested = UINT64_MAX >> 8 * i;
        sample->site = i % 2 ? 17 : UINT32_MAX - i;
        atomic_store(&sample->address, addresses[i]);
    }
}

/* A stack whose innermost function is in no file. */
static void make_jit(void)
{
    uint64_t frames[2] = {(uintptr_t)map(4096) + 16, (uintptr_t)make_jit};
    atomic_store(&sites[1].stack, stack_intern(profile.stacks, frames, 2));
    atomic_store(&sites[1].live_bytes, 500 * MIB);
    atomic_store(&sites[1].live_count, SAMPLING_ONE);
    printf("jit %p\n", (void *)(uintptr_t)frames[0]);
}

#define MANY 100000
#define MANY_DEPTH 24
#define MANY_STORE_BYTES (64 * MIB)
#define MANY_SLOTS (1u << 18)

/* Stacks of which hardly two have more than their first functions in common: 100,000 of 1 KiB, and
 * one of as much as all of these. */
static void make_many(void)
{
    uint64_t frames[MANY_DEPTH];
    uint64_t random = 1;
    profile.stacks = stack_store_make(map(MANY_STORE_BYTES), MANY_STORE_BYTES);
    profile.sites = sites = map(MANY_SLOTS * sizeof *sites);
    profile.site_slots = MANY_SLOTS;
    for (unsigned i = 0; i <= MANY; i++) {
        for (unsigned j = 0; j < MANY_DEPTH; j++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            frames[j] = (uintptr_t)make_many + (random >> 40) % (1u << 20);
        }
        frames[MANY_DEPTH - 1] = (uintptr_t)make_many + 1;
        atomic_store(&sites[i].stack, stack_intern(profile.stacks, frames, MANY_DEPTH));
        atomic_store(&sites[i].peak_epoch, 1);
        atomic_store(&sites[i].live_count, SAMPLING_ONE);
        atomic_store(&sites[i].live_bytes, i == MANY ? MANY * KIB : 1 * KIB);
    }
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (!kept)
        return 1;
    if (strcmp(word, "never") != 0)
        make();
    if (strcmp(word, "wrong") == 0)
        make_wrong();
    if (strcmp(word, "jit") == 0)
        make_jit();
    if (strcmp(word, "many") == 0)
        make_many();
    if (strcmp(word, "huge") == 0)
        profile.site_slots = UINT32_MAX;
    if (strcmp(word, "endless") == 0)
        profile.site_slots = 1u << 22;
    if (strcmp(word, "store") == 0)
        profile.stacks->first = UINT64_MAX;
    if (strcmp(word, "samples") == 0)
        profile.sample_slots = UINT32_MAX;
    if (strcmp(word, "wild") == 0)
        make_wild();
    puts("ready");
    fflush(stdout);
    while (strcmp(word, "exit") != 0)
        pause();
    return 0;
}
