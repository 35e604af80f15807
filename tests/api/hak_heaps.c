/* SPDX-License-Identifier: MIT */
/*
 * Owned heaps: blocks of all sizes, from several threads, resized and freed by the ordinary
 * names too; destroying a heap gives everything back, and nothing of other heaps.
 */
#include "check.h"
#include "hak_names.h"
#include "sizes.h"

#include <pthread.h>
#include <sys/mman.h>

static struct sizes sizes;

static uint64_t live_bytes(void)
{
    struct hak_stats stats;
    hak.stats(&stats, sizeof stats);
    uint64_t sum = 0;
    for (int lane = HAK_LANE_TINY; lane < HAK_LANE_COUNT; lane++)
        sum += stats.lane[lane].live_bytes;
    return sum;
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    unsigned long size, resident;
    CHECK_EQ(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void each_size(void)
{
    struct hak_heap *heap = hak.heap_new();
    CHECK(heap != NULL);
    char *kept[SIZES_MAX];
    for (size_t i = 0; i < sizes.count; i++) {
        size_t size = check_case = sizes.size[i];
        kept[i] = hak.heap_malloc(heap, size);
        CHECK(kept[i] != NULL && is_aligned(kept[i], 16));
        CHECK_GE(malloc_usable_size(kept[i]), size);
        pattern_fill_sparse(kept[i], size, i);
        char *other = hak.heap_calloc(heap, size, 1);
        CHECK(other != NULL && is_zero(other, size));
        memset(other, 1, size);
        free(other);
        other = hak.heap_aligned_alloc(heap, 512, size);
        CHECK(other != NULL && is_aligned(other, 512));
        pattern_fill_sparse(other, size, i);
        other = hak.heap_realloc(heap, other, size * 2 + 1);
        CHECK(other != NULL && pattern_sparse_holds(other, size, size, i));
        if (i % 2 == 0)
            hak.free(other);
    }
    for (size_t i = 0; i < sizes.count; i++) {
        check_case = sizes.size[i];
        CHECK(pattern_sparse_holds(kept[i], sizes.size[i], sizes.size[i], i));
    }
    CHECK_EQ(hak.check(), 0);
    hak.heap_destroy(heap);
    CHECK_EQ(hak.check(), 0);
}

static void edge_cases(void)
{
    struct hak_heap *heap = hak.heap_new();
    CHECK(heap != NULL);
    hak.heap_destroy(heap); /* an empty heap */
    heap = hak.heap_new();
    CHECK(heap != NULL);
    char *block = hak.heap_realloc(heap, NULL, 100);
    CHECK(block != NULL);
    pattern_fill(block, 100, 1);
    for (size_t size = 100; size < 6 * MIB; size = size * 3 + 7) {
        block = hak.heap_realloc(heap, block, size);
        CHECK(block != NULL && pattern_holds(block, 100, 1));
    }
    block = hak.heap_realloc(heap, block, 150);
    CHECK(block != NULL && pattern_holds(block, 100, 1));
    block = realloc(block, 3000); /* ordinary realloc of a heap's block */
    CHECK(block != NULL && pattern_holds(block, 100, 1));
    free(block);
    CHECK_FAILS(hak.heap_malloc(heap, SIZE_MAX), ENOMEM);
    CHECK_FAILS(hak.heap_malloc(heap, PTRDIFF_LIMIT), ENOMEM);
    CHECK_FAILS(hak.heap_calloc(heap, SIZE_MAX, 2), ENOMEM);
    CHECK_FAILS(hak.heap_calloc(heap, (size_t)1 << 32, (size_t)1 << 32), ENOMEM);
    CHECK_FAILS(hak.heap_realloc(heap, NULL, SIZE_MAX), ENOMEM);
    CHECK_FAILS(hak.heap_aligned_alloc(heap, 3, 64), EINVAL);
    CHECK_FAILS(hak.heap_aligned_alloc(heap, 0, 64), EINVAL);
    CHECK_FAILS(hak.heap_aligned_alloc(heap, 64, SIZE_MAX), ENOMEM);
    void *none = hak.heap_malloc(heap, 0);
    CHECK(none != NULL);
    CHECK(hak.heap_realloc(heap, none, 0) == NULL);
    hak.heap_destroy(heap);
}

/* Memory freed by hand and reused by calloc is zeroed; also that of a destroyed heap. */
static void calloc_after_destroy(void)
{
    for (int round = 0; round < 3; round++) {
        struct hak_heap *heap = hak.heap_new();
        CHECK(heap != NULL);
        for (size_t size = 16; size < 5 * MIB; size = size * 2 + 16) {
            check_case = size;
            for (int i = 0; i < 4; i++) {
                char *block = hak.heap_calloc(heap, 1, size);
                CHECK(block != NULL && is_zero(block, size));
                memset(block, 0xa5, size);
                if (i % 2 == 0)
                    free(block);
            }
        }
        hak.heap_destroy(heap);
    }
}

/* Destroying frees all at once: live bytes return exactly, RSS stays bounded. */
static void destroy_gives_back(void)
{
    uint64_t before = live_bytes();
    size_t resident = 0;
    for (int round = 0; round < 12; round++) {
        check_case = (size_t)round;
        struct hak_heap *heap = hak.heap_new();
        CHECK(heap != NULL);
        uint64_t random = (uint64_t)round;
        size_t total = 0;
        while (total < 16 * MIB) {
            size_t size = 1 + random_next(&random) % (random % 50 == 0 ? 600 * KIB : 3000);
            char *block = hak.heap_malloc(heap, size);
            CHECK(block != NULL);
            memset(block, 1, size);
            total += size;
        }
        CHECK_GE(live_bytes(), before + total);
        hak.heap_destroy(heap);
        CHECK_LE(live_bytes(), before + 16 * KIB);
        CHECK_EQ(hak.check(), 0);
        if (round == 3)
            resident = resident_bytes();
    }
    CHECK_LE(resident_bytes(), resident + 8 * MIB);
}

/* Blocks of two heaps and of malloc interleaved: destroying one leaves the others' content. */
static void heaps_are_apart(void)
{
    enum { COUNT = 2000 };
    static char *blocks[3][COUNT];
    struct hak_heap *first = hak.heap_new(), *second = hak.heap_new();
    CHECK(first != NULL && second != NULL && first != second);
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i * 37 % 5000 + 1;
        blocks[0][i] = hak.heap_malloc(first, size);
        blocks[1][i] = hak.heap_malloc(second, size);
        blocks[2][i] = malloc(size);
        for (int j = 0; j < 3; j++) {
            CHECK(blocks[j][i] != NULL);
            pattern_fill(blocks[j][i], size, pattern_key(blocks[j][i], size, i));
        }
    }
    for (int destroyed = 0; destroyed < 2; destroyed++) {
        hak.heap_destroy(destroyed == 0 ? first : second);
        for (size_t i = 0; i < COUNT; i++) { /* the freed memory is used by others */
            char *other = malloc(i * 37 % 5000 + 1);
            CHECK(other != NULL);
            memset(other, 0xa5, i * 37 % 5000 + 1);
            free(other);
        }
        for (size_t i = 0; i < COUNT; i++) {
            size_t size = check_case = i * 37 % 5000 + 1;
            for (int j = destroyed + 1; j < 3; j++)
                CHECK(pattern_holds(blocks[j][i], size, pattern_key(blocks[j][i], size, i)));
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        free(blocks[2][i]);
}

struct worker {
    pthread_t thread;
    struct hak_heap *heap;
    uint64_t seed;
};

static void *work_on_heap(void *argument)
{
    struct worker *worker = argument;
    char *slots[64] = {NULL};
    size_t held[64] = {0};
    uint64_t random = worker->seed;
    for (int step = 0; step < 20000; step++) {
        size_t at = random_next(&random) % 64;
        if (slots[at] != NULL) {
            uint64_t key = pattern_key(slots[at], held[at], worker->seed);
            CHECK(pattern_holds(slots[at], held[at], key));
            if (step % 3 != 0)
                free(slots[at]); /* else it stays until the heap is destroyed */
        }
        held[at] = random_next(&random) % 600;
        slots[at] = step % 5 == 0 ? hak.heap_calloc(worker->heap, held[at], 1)
                                  : hak.heap_malloc(worker->heap, held[at]);
        CHECK(slots[at] != NULL);
        pattern_fill(slots[at], held[at], pattern_key(slots[at], held[at], worker->seed));
    }
    return NULL;
}

static void several_threads(void)
{
    enum { THREADS = 6 };
    uint64_t before = live_bytes();
    for (int round = 0; round < 3; round++) {
        struct worker workers[THREADS];
        struct hak_heap *shared = hak.heap_new();
        CHECK(shared != NULL);
        for (size_t i = 0; i < THREADS; i++) {
            workers[i].seed = i + 1;
            workers[i].heap = i % 3 == 2 ? hak.heap_new() : shared;
            CHECK(workers[i].heap != NULL);
            CHECK_EQ(pthread_create(&workers[i].thread, NULL, work_on_heap, &workers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++)
            CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            if (workers[i].heap != shared)
                hak.heap_destroy(workers[i].heap);
        hak.heap_destroy(shared);
    }
    CHECK_LE(live_bytes(), before + 16 * KIB);
    CHECK_EQ(hak.check(), 0);
}

/* Heaps are cheap to make and to throw away: no growth over many. */
static void many_heaps(void)
{
    size_t resident = 0;
    for (int round = 0; round < 3000; round++) {
        struct hak_heap *heap = hak.heap_new();
        CHECK(heap != NULL);
        for (size_t i = 0; i < 20; i++)
            CHECK(hak.heap_malloc(heap, i * 100) != NULL);
        hak.heap_destroy(heap);
        if (round == 500)
            resident = resident_bytes();
    }
    CHECK_LE(resident_bytes(), resident + 4 * MIB);
}

/* hak_heap_destroy(NULL) is like free(NULL). */
static void destroy_of_null(void)
{
    errno = 4711;
    hak.heap_destroy(NULL);
    CHECK_EQ(errno, 4711);
}

/* What was done to the pages of a heap's span does not reach the span's next owner. */
static void protection_ends(bool is_destroyed)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct hak_heap *heap = hak.heap_new();
    char *block = hak.heap_aligned_alloc(heap, page, 300 * KIB);
    CHECK(block != NULL && mprotect(block + page, page, PROT_READ) == 0);
    if (is_destroyed)
        hak.heap_destroy(heap);
    else
        free(block);
    char *others[16];
    for (size_t i = 0; i < 16; i++) {
        others[i] = malloc(300 * KIB);
        CHECK(others[i] != NULL);
        memset(others[i], 1, 300 * KIB);
    }
    for (size_t i = 0; i < 16; i++)
        free(others[i]);
    if (!is_destroyed)
        hak.heap_destroy(heap);
}

int main(void)
{
    if (!hak_find())
        return 0;
    sizes_all(&sizes, 5 * MIB);
    each_size();
    edge_cases();
    calloc_after_destroy();
    destroy_gives_back();
    heaps_are_apart();
    several_threads();
    many_heaps();
    destroy_of_null();
    protection_ends(false);
    protection_ends(true);
    return 0;
}
