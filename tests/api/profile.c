/* SPDX-License-Identifier: MIT */
/*
 * Profiling: with an interval of 1 every way to get memory gives a block that is recorded with its
 * sizes, and is gone from the table when it is freed, by any thread, watched or not; with a longer
 * one the estimates are unbiased. Reads the tables as the command does, through hakmem_root.
 */
#include "check.h"
#include "hak_names.h"

#include "diag/root.h"

#include <pthread.h>
#include <sys/wait.h>

static const struct root *root;

static const struct profile_sample *find(const void *block)
{
    for (uint32_t i = 0; i < root->profile->sample_slots; i++)
        if (root->profile->samples[i].address == (uintptr_t)block)
            return &root->profile->samples[i];
    return NULL;
}

/* What all sites say together, of one field. */
#define SUM(field)                                                                                 \
    ({                                                                                             \
        uint64_t sum_ = 0;                                                                         \
        for (uint32_t i_ = 0; i_ < root->profile->site_slots; i_++)                                \
            sum_ += root->profile->sites[i_].field;                                                \
        sum_;                                                                                      \
    })

/* The block is sampled, and is not any more when `release` has freed it. */
static void check_block(void *block, size_t size, void (*release)(void *block))
{
    CHECK(block != NULL);
    const struct profile_sample *sample = find(block);
    CHECK(sample != NULL);
    CHECK_EQ(sample->requested, size);
    CHECK_EQ(sample->size, malloc_usable_size(block));
    CHECK_EQ(sample->weight_256, 256);
    CHECK_EQ(sample->thread, gettid());
    CHECK(root->profile->sites[sample->site].stack != 0);
    release(block);
    CHECK(find(block) == NULL);
}

static void *free_it(void *block)
{
    free(block);
    return NULL;
}

static void free_elsewhere(void *block)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, free_it, block) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void free_unwatched(void *block)
{
    hak.profile_stop();
    free(block);
    CHECK(find(block) == NULL);
    CHECK(hak.profile_start(1));
}

static void free_by_realloc(void *block)
{
    CHECK(realloc(block, 0) == NULL);
}

static void (*const releases[])(void *block) = {free, free_elsewhere, free_unwatched,
                                                free_by_realloc};
static const size_t sizes[] = {0,        1,        16,        100,     1024,    1025,
                               52 * KIB, 60 * KIB, 600 * KIB, 2 * MIB, 3 * MIB, 20 * MIB};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void *by_posix_memalign(size_t size)
{
    void *block = NULL;
    CHECK(posix_memalign(&block, 64, size) == 0);
    return block;
}

static void check_ways(size_t size, void (*release)(void *block))
{
    struct hak_heap *heap = hak.heap_new();
    check_case = size;
    check_block(malloc(size), size, release);
    check_block(calloc(1, size), size, release);
    check_block(realloc(NULL, size), size, release);
    check_block(by_posix_memalign(size), size, release);
    check_block(aligned_alloc(4096, size), size, release);
    check_block(memalign(64 * KIB, size), size, release);
    check_block(hak.malloc(size), size, release);
    check_block(hak.calloc(size, 1), size, release);
    check_block(hak.heap_malloc(heap, size), size, release);
    check_block(hak.heap_calloc(heap, 1, size), size, release);
    check_block(hak.heap_aligned_alloc(heap, 256, size), size, release);
    void *block = hak.alloc_at(size, 77);
    CHECK_EQ(root->profile->sites[find(block)->site].label, 77);
    check_block(block, size, release);
    hak.heap_destroy(heap);
}

static void check_resize(size_t from, size_t to)
{
    check_case = from;
    void *block = malloc(from);
    size_t usable = malloc_usable_size(block);
    void *moved = realloc(block, to);
    const struct profile_sample *sample = find(moved);
    CHECK(sample != NULL);
    CHECK_EQ(sample->size, malloc_usable_size(moved));
    CHECK(moved == block || find(block) == NULL);
    CHECK_EQ(sample->requested, moved == block && malloc_usable_size(moved) == usable ? from : to);
    free(moved);
    CHECK(find(moved) == NULL);
}

static void check_destroy(void)
{
    struct hak_heap *heap = hak.heap_new();
    void *blocks[SIZES];
    for (size_t i = 0; i < SIZES; i++)
        CHECK(find(blocks[i] = hak.heap_malloc(heap, sizes[i])) != NULL);
    void *other = malloc(100);
    hak.heap_destroy(heap);
    for (size_t i = 0; i < SIZES; i++)
        CHECK(find(blocks[i]) == NULL);
    CHECK(find(other) != NULL);
    free(other);
}

/* Counts are exact: what the tables say is what we did. */
static void check_counts(void)
{
    static void *blocks[3000];
    uint64_t count = SUM(alloc_count), live = SUM(live_bytes), freed = 0;
    uint64_t live_count = SUM(live_count);
    for (unsigned i = 0; i < 3000; i++)
        blocks[i] = malloc(i);
    CHECK_EQ(SUM(alloc_count), count + UINT64_C(3000) * 256);
    for (unsigned i = 0; i < 3000; i++)
        freed += malloc_usable_size(blocks[i]);
    CHECK_EQ(SUM(live_bytes), live + freed);
    CHECK_EQ(root->profile->live_bytes, live + freed);
    for (unsigned i = 0; i < 3000; i++)
        free(blocks[i]);
    CHECK_EQ(SUM(live_bytes), live);
    CHECK_EQ(SUM(live_count), live_count);
    CHECK_EQ(root->profile->dropped_samples, 0);
    CHECK_EQ(root->profile->dropped_sites, 0);
}

/* A child goes on with the profile. */
static void check_fork(void)
{
    int status;
    void *block = malloc(1000);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(find(block) != NULL);
        free(block);
        CHECK(find(block) == NULL);
        check_ways(100, free);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK(find(block) != NULL);
    free(block);
    CHECK(find(block) == NULL);
}

/* Blocks of 16 B to 1 MiB, at a mean of 4 KiB: each size's estimate within 5 sigma. */
static void check_unbiased(void)
{
    static const size_t of[] = {16, 256, 4096, 12 * KIB, MIB};
    CHECK(hak.profile_start(4 * KIB));
    for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        size_t blocks = 400000 / (of[i] > 4096 ? 100 : 1);
        uint64_t count = SUM(alloc_count), bytes = SUM(alloc_bytes);
        for (size_t block = 0; block < blocks; block++)
            free(opaque(malloc(of[i])));
        double counted = (double)(SUM(alloc_count) - count) / 256;
        double hits = (double)blocks * (double)of[i] / 4096;
        double error = counted / (double)blocks - 1;
        check_case = of[i];
        CHECK(error * error * (hits < (double)blocks ? hits : (double)blocks) < 25);
        double size_error = (double)(SUM(alloc_bytes) - bytes) / counted / (double)of[i] - 1;
        CHECK(size_error * size_error < 1e-4);
    }
    CHECK(hak.profile_start(1));
}

int main(void)
{
    if (!hak_find())
        return 0;
    root = API_FUNCTION(hakmem_root);
    CHECK(root != NULL);
    void *before = malloc(100);
    errno = 0;
    CHECK(!hak.profile_start((size_t)-1) && errno == EINVAL);
    CHECK(hak.profile_start(1));
    CHECK(find(before) == NULL);
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < sizeof(releases) / sizeof(releases[0]); j++)
            check_ways(sizes[i], releases[j]);
    for (size_t i = 1; i < SIZES; i++)
        for (size_t j = 1; j < SIZES; j++)
            check_resize(sizes[i], sizes[j]);
    check_destroy();
    check_counts();
    check_fork();
    check_unbiased();
    CHECK_EQ(hak.check(), 0);
    hak.profile_stop();
    void *after = malloc(100);
    CHECK(find(after) == NULL);
    free(after);
    free(before);
    return 0;
}
