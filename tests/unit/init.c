/* SPDX-License-Identifier: MIT */
/*
 * Tests of api/init.c, which finds at its gate that the process is a copy, and of the repair that
 * follows: a child by the clone system call alone, made while another thread holds every lock of
 * the allocator. Its parent's blocks can be read, resized and freed there, handles
 * of its parent's owned heaps still serve, and it has a sound heap of its own; so have copies
 * of copies.
 */
#include "unit/unit.h"

#include "api/api.h"

#include <sys/syscall.h>

#define BLOCKS 60
#define GENERATIONS 8

/* Purpose: a block of a parent's: `usable` is what the parent was told. */
struct held {
    char *block;
    size_t size;
    size_t usable;
    uint64_t key;
};

static struct held held[GENERATIONS + 1][BLOCKS];
static struct hak_heap *heaps[GENERATIONS + 1];

/* ---- a parent that is at work ---- */

static _Atomic bool is_locked;
static _Atomic bool may_unlock;

static void *hold_locks(void *unused)
{
    (void)unused;
    fork_lock_all();
    atomic_store(&is_locked, true);
    while (!atomic_load(&may_unlock))
        usleep(100);
    fork_unlock_all();
    return NULL;
}

/* The body runs in the child. */
static void check_torn_child(void (*body)(void))
{
    pthread_t thread;
    int status;
    fflush(NULL);
    atomic_store(&is_locked, false);
    atomic_store(&may_unlock, false);
    CHECK_EQ(pthread_create(&thread, NULL, hold_locks, NULL), 0);
    while (!atomic_load(&is_locked))
        usleep(100);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK(child >= 0);
    if (child == 0) {
        unit_is_child = true;
        alarm(120); /* a lock that nobody releases */
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    atomic_store(&may_unlock, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(status, 0);
}

/* Of all lanes, an eighth of them of an owned heap. */
static void make_blocks(unsigned generation)
{
    static const size_t sizes[] = {1, 40, 500, 3000, 20000, 70000, 300000, 3000000};
    heaps[generation] = hak_heap_new();
    CHECK(heaps[generation] != NULL);
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct held *one = &held[generation][i];
        one->size = sizes[i % 8] + i;
        one->block = i % 9 == 0 ? hak_heap_malloc(heaps[generation], one->size)
                                : hak_malloc(one->size);
        CHECK(one->block != NULL);
        one->usable = hak_usable_size(one->block);
        one->key = generation * 1000 + i;
        pattern_fill(one->block, one->size, one->key);
    }
}

/* ---- a child ---- */

static void use_parents_block(struct held *one, unsigned i)
{
    CHECK(pattern_holds(one->block, one->size, one->key));
    CHECK_EQ(hak_usable_size(one->block), one->usable);
    CHECK(hak_realloc(one->block, one->usable) == one->block);
    if (i % 3 == 0) {
        char *longer = hak_realloc(one->block, one->usable + 5000);
        CHECK(longer != NULL && longer != one->block);
        CHECK(pattern_holds(longer, one->size, one->key));
        hak_free(longer);
    }
    hak_free(one->block);
    CHECK(pattern_holds(one->block, one->size, one->key)); /* nothing is given out again */
}

static void use_parents_heap(struct hak_heap *heap)
{
    char *block = hak_heap_malloc(heap, 100);
    CHECK(block != NULL);
    memset(block, 1, 100);
    char *zeroed = hak_heap_calloc(heap, 10, 100);
    CHECK(zeroed != NULL && unit_is_zero(zeroed, 1000));
    CHECK((uintptr_t)hak_heap_aligned_alloc(heap, 4096, 100) % 4096 == 0);
    CHECK(hak_heap_aligned_alloc(heap, 3, 100) == NULL);
    CHECK(hak_heap_calloc(heap, SIZE_MAX, 2) == NULL);
    block = hak_heap_realloc(heap, block, 50000);
    CHECK(block != NULL && block[99] == 1);
    hak_free(zeroed);
    hak_heap_destroy(heap);
    CHECK_EQ(block[99], 1);
    hak_free(block);
}

static void use_own_heap(void)
{
    static char *blocks[2000];
    for (unsigned i = 0; i < 2000; i++) {
        blocks[i] = hak_malloc(1 + i * 13 % 5000);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], (int)i, 1 + i * 13 % 5000);
    }
    for (unsigned i = 0; i < 2000; i++) {
        CHECK_EQ((unsigned char)blocks[i][0], (unsigned char)i);
        hak_free(blocks[i]);
    }
    CHECK_EQ(hak_check(), 0);
}

static void live_as_child(void)
{
    CHECK_EQ(hak_check(), 0); /* finds out that it is a copy */
    for (unsigned i = 0; i < BLOCKS; i++)
        use_parents_block(&held[0][i], i);
    use_parents_heap(heaps[0]);
    use_own_heap();
}

/* The first call of the child is one on an old handle: whose locks are held for ever. */
static void use_heap_first(void)
{
    CHECK(hak_heap_malloc(heaps[0], 100) != NULL);
    use_parents_heap(heaps[0]);
}

static void destroy_heap_first(void)
{
    hak_heap_destroy(heaps[0]);
    use_own_heap();
}

static void test_child(void **state)
{
    (void)state;
    CHECK_EQ(hak_check(), 0);
    if (UNIT_SANITIZED)
        skip(); /* their own locks would be torn */
    make_blocks(0);
    check_torn_child(live_as_child);
    check_torn_child(use_heap_first);
    check_torn_child(destroy_heap_first);
    CHECK_EQ(hak_check(), 0);
}

static unsigned generation;

/* Each has what all before it had, and adds its own. */
static void live_as_generation(void)
{
    generation++;
    CHECK_EQ(hak_check(), 0);
    for (unsigned of = 0; of < generation; of++)
        for (unsigned i = 0; i < BLOCKS; i++)
            use_parents_block(&held[of][i], i);
    for (unsigned of = 0; of < generation; of++)
        CHECK(hak_heap_malloc(heaps[of], 10) != NULL);
    use_own_heap();
    if (generation == GENERATIONS)
        return;
    make_blocks(generation);
    check_torn_child(live_as_generation);
    CHECK_EQ(hak_check(), 0);
}

static void test_copies_of_copies(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        skip();
    make_blocks(0);
    check_torn_child(live_as_generation);
}

static void use_no_heap(void)
{
    CHECK_EQ(hak_check(), 0);
    hak_heap_malloc((struct hak_heap *)held[0][0].block, 1);
}

static void run_no_heap(void)
{
    check_torn_child(use_no_heap);
}

/* A handle that never was one still ends the child. */
static void test_no_handle(void **state)
{
    static struct unit_child child;
    (void)state;
    if (UNIT_SANITIZED)
        skip();
    make_blocks(0);
    unit_run_child(run_no_heap, &child);
    CHECK(child.status != 0);
    CHECK(strstr(child.text, "not a heap") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_copies_of_copies),
        cmocka_unit_test(test_no_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
