/* SPDX-License-Identifier: MIT */
/*
 * Owns a program that is linked with the library (dynamic, static, musl) and proves that malloc is
 * HAKMEM's: the public names are there, their counters see what malloc and the C library hand out,
 * pointers cross between the two sets of names, threads and fork work, the heap's check finds no
 * fault. Prints one line.
 */
#include <hakmem/hakmem.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 200
#define THREADS 4

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "linked: %s\n", what);
    exit(1);
}

static unsigned char pattern(size_t index)
{
    return (unsigned char)(index * 37 + 11);
}

static bool holds(const unsigned char *block, size_t size, unsigned char fill)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != fill)
            return false;
    return true;
}

static uint64_t live_blocks(int lane)
{
    struct hak_stats stats;
    hak_stats(&stats, sizeof stats);
    return stats.lane[lane].live_blocks;
}

/* malloc's blocks appear in the lane that their size belongs to, and go again. */
static void exercise_lane(int lane, size_t size)
{
    unsigned char *blocks[BLOCKS];
    uint64_t before = live_blocks(lane);
    size_t count = size > 100000 ? 8 : BLOCKS;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        check(blocks[i] != NULL, "malloc");
        check(hak_usable_size(blocks[i]) == malloc_usable_size(blocks[i]),
              "usable size, two names");
        check(hak_usable_size(blocks[i]) == hak_good_size(size), "hak_good_size");
        memset(blocks[i], pattern(i), size);
    }
    check(live_blocks(lane) >= before + count, "malloc's blocks are not in our lane");
    for (size_t i = 0; i < count; i++) {
        blocks[i] = realloc(blocks[i], size + size / 2);
        check(blocks[i] && holds(blocks[i], size, pattern(i)), "realloc keeps the content");
        if (i % 2)
            hak_free(blocks[i]);
        else
            free(blocks[i]);
    }
    check(live_blocks(lane) < before + count, "freed blocks still count as live");
}

/* Blocks that the C library asks for by itself. */
static void exercise_libc(void)
{
    char *copy = strdup("a string that libc copies");
    check(copy && hak_usable_size(copy) >= 26, "strdup's block is not ours");
    free(copy);
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = tmpfile();
    check(file != NULL, "tmpfile");
    for (int i = 0; i < 1000; i++)
        fprintf(file, "%d,", i);
    rewind(file);
    check(getline(&line, &capacity, file) == 3890, "getline");
    check(hak_usable_size(line) >= 3891, "getline's block is not ours");
    fclose(file);
    free(line);
    char *printed = NULL;
    check(asprintf(&printed, "%0*d", 5000, 7) == 5000 && hak_usable_size(printed) > 5000,
          "asprintf");
    hak_free(printed);
}

static void exercise_aligned(void)
{
    for (size_t alignment = sizeof(void *); alignment <= 1 << 16; alignment *= 2) {
        void *block = NULL;
        check(posix_memalign(&block, alignment, alignment * 3) == 0, "posix_memalign");
        check((uintptr_t)block % alignment == 0, "alignment");
        free(block);
        block = hak_aligned_alloc(alignment, 100);
        check(block && (uintptr_t)block % alignment == 0, "hak_aligned_alloc");
        free(block);
    }
    unsigned char *zeroed = calloc(1000, 70);
    check(zeroed && holds(zeroed, 70000, 0), "calloc");
    free(zeroed);
    errno = 0;
    volatile size_t impossible = SIZE_MAX / 2;
    check(!malloc(impossible) && errno == ENOMEM, "malloc of the impossible");
    check(!calloc(impossible, 4) && errno == ENOMEM, "calloc of the impossible");
}

/* Each thread fills blocks that the main thread checks and frees. */
struct hand_over {
    pthread_t thread;
    unsigned seed;
    unsigned char *blocks[5000];
};

static size_t size_of(unsigned seed, size_t index)
{
    return 1 + (index * 7919 + seed * 104729) % (index % 100 == 0 ? 90000 : 1200);
}

static void *produce(void *argument)
{
    struct hand_over *mine = argument;
    for (size_t i = 0; i < 5000; i++) {
        mine->blocks[i] = malloc(size_of(mine->seed, i));
        check(mine->blocks[i] != NULL, "malloc in a thread");
        memset(mine->blocks[i], pattern(i), size_of(mine->seed, i));
    }
    return NULL;
}

static void exercise_threads(void)
{
    static struct hand_over hand_over[THREADS];
    for (unsigned t = 0; t < THREADS; t++) {
        hand_over[t].seed = t;
        check(!pthread_create(&hand_over[t].thread, NULL, produce, &hand_over[t]),
              "pthread_create");
    }
    for (unsigned t = 0; t < THREADS; t++) {
        pthread_join(hand_over[t].thread, NULL);
        for (size_t i = 0; i < 5000; i++) {
            unsigned char *block = hand_over[t].blocks[i];
            check(holds(block, size_of(t, i), pattern(i)), "a thread's block changed");
            free(block);
        }
    }
}

static void exercise_fork(void)
{
    unsigned char *kept = malloc(3000);
    check(kept != NULL, "malloc");
    memset(kept, 0x5a, 3000);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        check(child >= 0, "fork");
        if (child == 0) {
            exercise_lane(HAK_LANE_TINY, 100);
            _exit(holds(kept, 3000, 0x5a) && hak_check() == 0 ? 0 : 1);
        }
        int status = -1;
        check(waitpid(child, &status, 0) == child && status == 0, "a forked child failed");
    }
    free(kept);
}

static void exercise_heap(void)
{
    struct hak_heap *heap = hak_heap_new();
    check(heap != NULL, "hak_heap_new");
    for (size_t i = 0; i < 3000; i++) {
        unsigned char *block = hak_heap_malloc(heap, i);
        check(block != NULL, "hak_heap_malloc");
        memset(block, pattern(i), i);
        if (i % 3 == 0)
            free(block);
    }
    hak_heap_destroy(heap);
}

int main(void)
{
    check(!strcmp(hak_version(), HAKMEM_VERSION_STRING), "hak_version is not the header's");
    exercise_lane(HAK_LANE_TINY, 48);
    exercise_lane(HAK_LANE_POOL, 9000);
    exercise_lane(HAK_LANE_ACE, 300000);
    exercise_lane(HAK_LANE_HUGE, 3000000);
    exercise_libc();
    exercise_aligned();
    exercise_threads();
    exercise_fork();
    exercise_heap();
    for (int i = 0; i < HAK_FB_COUNT; i++)
        check(i == HAK_FB_INIT_WAIT || g_fb_counts[i] == 0, "libc served what the allocator must");
    check(hak_check() == 0, "hak_check found faults");
    printf("hakmem %s: malloc, libc's own blocks, threads, fork and a heap are ours\n",
           hak_version());
    return 0;
}
