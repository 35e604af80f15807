// args: 1 40
// args: 2 30
// args: 8 20
// args: 64 4
/* SPDX-License-Identifier: MIT */
/*
 * Owned heaps from THREADS threads for STEPS rounds: all allocate from shared heaps, resize
 * and free each other's blocks by heap calls and by ordinary ones, while each also makes, uses and
 * destroys a heap of its own. After a round the shared heaps are destroyed with what is left in
 * them, and ordinary blocks allocated in between are intact.
 */
#include "stress.h"

#define SHARED_HEAPS 3
#define SLOTS 256
#define STEPS_PER_ROUND 1500

static struct hak_heap *shared_heaps[SHARED_HEAPS];
static _Atomic(struct held *) slots[SHARED_HEAPS][SLOTS];
static pthread_barrier_t barrier;

static size_t heap_size(uint64_t *random)
{
    uint64_t pick = random_next(random);
    if (pick % 400 == 0)
        return (pick >> 20) % (3 * MIB);
    return pick % 10 == 0 ? (pick >> 20) % (60 * KIB) : (pick >> 20) % 1200;
}

static void allocate_from(struct hak_heap *heap, struct held *held, uint64_t *random)
{
    uint64_t way = random_next(random) % 6;
    held->size = heap_size(random);
    if (way == 0)
        held->block = hak_heap_calloc(heap, held->size, 1);
    else if (way == 1)
        held->block = hak_heap_aligned_alloc(heap, 128, held->size);
    else if (way == 2)
        held->block = hak_heap_realloc(heap, NULL, held->size);
    else
        held->block = hak_heap_malloc(heap, held->size);
    REQUIRE(held->block != NULL);
    REQUIRE(((uintptr_t)held->block & (way == 1 ? 127 : 15)) == 0);
    if (way == 0)
        for (size_t i = 0; i < held->size && i < 4096; i += 16)
            REQUIRE(((char *)held->block)[i] == 0);
    held_fill(held, *random);
}

static void resize_in(struct hak_heap *heap, struct held *held, uint64_t *random)
{
    size_t size = heap_size(random) + 1;
    held_check(held);
    void *moved = hak_heap_realloc(heap, held->block, size);
    REQUIRE(moved != NULL);
    REQUIRE(pattern_sparse_holds(moved, held->size, size, held->key));
    held->block = moved;
    held->size = size;
    held_fill(held, *random);
}

/* Take what is in a slot, or make something new; free it, resize it or leave it to another. */
static void shared_step(uint64_t *random)
{
    size_t heap = random_next(random) % SHARED_HEAPS, slot = random_next(random) % SLOTS;
    struct held *held = atomic_exchange(&slots[heap][slot], NULL);
    if (held == NULL) {
        held = hak_heap_malloc(shared_heaps[heap], sizeof *held);
        REQUIRE(held != NULL);
        allocate_from(shared_heaps[heap], held, random);
    } else if (random_next(random) % 2 == 0) {
        resize_in(shared_heaps[heap], held, random);
    } else {
        held_free(held);
        test_free(held);
        return;
    }
    struct held *other = atomic_exchange(&slots[heap][slot], held);
    if (other != NULL) {
        held_free(other);
        test_free(other);
    }
}

static void use_own_heap(uint64_t *random)
{
    struct held kept[40];
    struct hak_heap *heap = hak_heap_new();
    REQUIRE(heap != NULL);
    for (int i = 0; i < 200; i++) {
        struct held *held = &kept[i % 40];
        if (i >= 40)
            held_free(held);
        allocate_from(heap, held, random);
    }
    for (int i = 0; i < 40; i++)
        held_check(&kept[i]);
    hak_heap_destroy(heap);
}

static void make_shared_heaps(void)
{
    for (int i = 0; i < SHARED_HEAPS; i++) {
        shared_heaps[i] = hak_heap_new();
        REQUIRE(shared_heaps[i] != NULL);
    }
}

static void destroy_shared_heaps(void)
{
    for (int i = 0; i < SHARED_HEAPS; i++) {
        for (int j = 0; j < SLOTS; j++) {
            struct held *held = atomic_exchange(&slots[i][j], NULL);
            if (held != NULL)
                held_check(held);
        }
        hak_heap_destroy(shared_heaps[i]);
    }
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    for (int round = 0; round < worker->steps; round++) {
        struct held ordinary[20];
        for (int step = 0; step < STEPS_PER_ROUND; step++) {
            if (step < 20)
                held_allocate(&ordinary[step], heap_size(&worker->random), &worker->random);
            shared_step(&worker->random);
        }
        use_own_heap(&worker->random);
        pthread_barrier_wait(&barrier);
        if (worker->number == 0) {
            check_heap();
            destroy_shared_heaps();
            check_heap();
            make_shared_heaps();
        }
        for (int i = 0; i < 20; i++) /* while the heaps are destroyed */
            held_free(&ordinary[i]);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 8, 10);
    if (skip_missing((const void *)(uintptr_t)hak_heap_new, "hak_heap_new"))
        return 0;
    REQUIRE(pthread_barrier_init(&barrier, NULL, (unsigned)arguments.threads) == 0);
    make_shared_heaps();
    workers_start(workers, arguments.threads, arguments.steps, run);
    workers_join(workers, arguments.threads);
    destroy_shared_heaps();
    check_heap();
    return 0;
}
