/* SPDX-License-Identifier: MIT */
/*
 * Tests of api/fork.c: all locks of the allocator are taken, each of them once, and released. A
 * child that was made while all of them were held goes on with none held, and with the heap of the
 * forking thread alone.
 */
#include "unit/own_cache.h"

#include "api/api.h"
#include "front/limit.h"
#include "front/owned_heap.h"
#include "front/route.h"
#include "front/thread_caches.h"
#include "front/trim.h"
#include "front/watched.h"
#include "lane/depot.h"
#include "slab/space.h"

static struct hak_heap *heap;
static struct slab *slab; /* of a block of `heap` */

static void make(void)
{
    CHECK(reservation_make());
    CHECK((heap = owned_heap_new()) != NULL);
    slab = slab_find(route_alloc_from(heap, BLOCK_ALIGN, 100, false));
    CHECK(slab != NULL && slab->state == SLAB_BLOCKS);
}

/* Is each lock's word `word`? */
static void check_words(uint32_t word)
{
    struct pool *pool = slab->owner;
    CHECK_EQ(thread_exit_lock.word, word);
    CHECK_EQ(limit_lock.word, word);
    CHECK_EQ(watched_lock.word, word);
    CHECK_EQ(profile.lock.word, word);
    CHECK_EQ(decay_clock.lock.word, word);
    CHECK_EQ(owned_heap_lock.word, word);
    CHECK_EQ(owned_heap_spans(owned_heap_body(heap))->lock.word, word);
    CHECK_EQ(thread_caches.lock.word, word);
    CHECK_EQ(density_lock.word, word);
    CHECK_EQ(space.lock.word, word);
    CHECK_EQ(meta_arena.lock.word, word);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        CHECK_EQ(depots[size_class].lock.word, word);
        CHECK_EQ(shared_pool.classes[size_class].lock.word, word);
        CHECK_EQ(pool->classes[size_class].lock.word, word);
    }
}

/* Those of check_words: 11, and three arrays. */
#define LOCKS (11 + 3 * CLASS_POOL_LAST)

static void all_locks(void)
{
    make();
    check_words(0);
    fork_lock_all();
    check_words(1);
    CHECK_EQ(lock_depth, LOCKS);
    fork_unlock_all();
    check_words(0);
    CHECK_EQ(lock_depth, 0);
    check_structure();
}

static void in_child(void)
{
    int status;
    make();
    fork_lock_all();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60); /* a lock that nobody releases */
        fork_continue_in_child();
        check_words(0);
        lock_depth = 0;
        CHECK(route_free(slab->start));
        owned_heap_destroy(heap);
        CHECK(trim_all() > 0);
        check_structure();
        _exit(0);
    }
    fork_unlock_all();
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    owned_heap_destroy(heap);
    check_structure();
}

/* ---- thread caches in a child ---- */

#define SMALL CLASS_FIRST

static _Atomic bool is_other_ready;
static _Atomic bool is_other_done;

static void *be_another(void *argument)
{
    (void)argument;
    free_class(SMALL, alloc_class(SMALL));
    is_other_ready = true;
    while (!is_other_done)
        sched_yield();
    unified_cache_thread_exit();
    return NULL;
}

/* More blocks than a bin holds, of several classes, taken and given back. */
static void use_own_heap(void)
{
    static void *blocks[1000];
    for (unsigned i = 0; i < 1000; i++)
        memset(blocks[i] = alloc_class(SMALL + i % 20), 1, size_classes[SMALL + i % 20].size);
    for (unsigned i = 0; i < 1000; i++)
        free_class(SMALL + i % 20, blocks[i]);
    check_structure();
}

/* A child keeps its own thread's cache, and others' are abandoned. */
static void be_the_child(void)
{
    size_t blocks[CLASS_COUNT];
    size_t threads;
    fork_continue_in_child();
    thread_cache_count_blocks(blocks, &threads);
    CHECK_EQ(threads, 1);
    CHECK_EQ(blocks[SMALL], count_of(SMALL));
    CHECK_EQ(own_cache()->thread_id, os_thread_number().thread);
    use_own_heap();
    _exit(0);
}

static void forking(void)
{
    pthread_t other;
    int status;
    CHECK(reservation_make());
    free_class(SMALL, alloc_class(SMALL));
    CHECK_EQ(pthread_create(&other, NULL, be_another, NULL), 0);
    while (!is_other_ready)
        sched_yield();
    fork_lock_all();
    pid_t child = fork();
    if (child == 0)
        be_the_child();
    fork_unlock_all();
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    is_other_done = true;
    CHECK_EQ(pthread_join(other, NULL), 0);
    use_own_heap();
}

CHILD_TEST(all_locks)
CHILD_TEST(in_child)
CHILD_TEST(forking)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_locks),
        cmocka_unit_test(test_in_child),
        cmocka_unit_test(test_forking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
