/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/thread_cache.c: a thread gets a cache late and never a second one; the list of all
 * caches; and the cache of a thread that has gone without a word is found.
 */
#include "unit/own_cache.h"

#include "front/thread_caches.h"

#include <sys/syscall.h>

#define CLASS 12

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = 3600000;
    return reservation_make() ? 0 : -1;
}

/* ---- the list ---- */

static _Atomic unsigned ready;
static _Atomic bool may_end;

static void *hold_a_block(void *unused)
{
    free_class(CLASS, alloc_class(CLASS));
    ready++;
    while (!may_end)
        usleep(100);
    CHECK(word_load(&thread_cache_own()->is_to_empty));
    unified_cache_thread_exit();
    return unused;
}

static unsigned visited;
static unsigned after_visits;

static void visit(struct thread_cache *cache)
{
    CHECK(cache->thread_id != 0);
    CHECK_EQ(thread_caches.lock.word != 0, true);
    visited++;
}

static void after_visit(void)
{
    CHECK_EQ(thread_caches.lock.word, 0);
    after_visits++;
}

static void visit_all(unsigned wanted)
{
    visited = after_visits = 0;
    thread_cache_visit(visit, after_visit);
    CHECK_EQ(visited, wanted);
    CHECK_EQ(after_visits, wanted + 1);
}

static void test_list(void **state)
{
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    size_t blocks[CLASS_COUNT];
    size_t count;
    (void)state;
    CHECK_EQ(thread_cache_count(), 0);
    visit_all(0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, hold_a_block, NULL), 0);
    while (ready < THREADS)
        usleep(100);
    CHECK_EQ(thread_cache_count(), THREADS);
    CHECK(thread_cache_own() == NULL); /* this thread has none */
    thread_cache_count_blocks(blocks, &count);
    CHECK_EQ(count, THREADS);
    CHECK(blocks[CLASS] >= THREADS);
    CHECK_EQ(blocks[CLASS + 1], 0);
    visit_all(THREADS);
    CHECK(thread_cache_take_gone() == NULL); /* all are alive */
    thread_cache_ask_all();
    may_end = true;
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(thread_cache_count(), 0);
    visit_all(0);
    check_all_back();
}

/* The cache of one thread waits for the next. */
static struct thread_cache *heap_of_last;

static void has_heap(void)
{
    struct thread_cache *cache = thread_cache_get();
    CHECK(cache != NULL && cache == thread_cache_own() && cache == thread_cache_get());
    CHECK(cache->storage == &thread_cache_distance);
    CHECK(!heap_of_last || cache == heap_of_last);
    heap_of_last = cache;
}

static void test_parked(void **state)
{
    (void)state;
    size_t metadata;
    run_in_thread(has_heap);
    metadata = meta_used_bytes();
    for (unsigned i = 0; i < 3; i++)
        run_in_thread(has_heap);
    CHECK_EQ(meta_used_bytes(), metadata);
}

/* ---- threads without a cache, caches without a thread ---- */

/* Of a thread that may not have a cache. */
static void free_class_late(void *block)
{
    if (!front_free(block))
        unified_cache_flush(CLASS, block);
}

static void *blocks_of_main[100];

static void *frees(void *unused)
{
    for (unsigned i = 0; i < 100; i++) {
        free_class_late(blocks_of_main[i]);
        CHECK_EQ(thread_cache_own() != NULL, i >= 8);
    }
    unified_cache_thread_exit();
    void *block = alloc_class(CLASS);
    CHECK(block != NULL);
    CHECK(thread_cache_own() == NULL);
    free_class_late(block);
    return unused;
}

static void test_frees_only(void **state)
{
    (void)state;
    pthread_t thread;
    for (unsigned i = 0; i < 100; i++)
        blocks_of_main[i] = alloc_class(CLASS);
    CHECK_EQ(pthread_create(&thread, NULL, frees, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static struct thread_cache *of_gone;

static void *goes_without_a_word(void *unused)
{
    free_class(CLASS, alloc_class(CLASS));
    of_gone = thread_cache_own();
    return unused; /* without unified_cache_thread_exit */
}

static void *goes_in_a_slow_path(void *unused)
{
    of_gone = unified_cache_enter();
    lock_depth = 0; /* the test's own end of this thread may allocate */
    return unused;
}

static void *sees_own_cache(void *found)
{
    *(struct thread_cache **)found = thread_cache_get();
    free_class(CLASS, alloc_class(CLASS));
    unified_cache_thread_exit();
    return NULL;
}

/* A thread on a stack of its own size, so that none has its storage where the last one had. */
static void run_on_stack(void *(*body)(void *), void *argument, size_t size)
{
    pthread_t thread;
    pthread_attr_t attributes;
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, size), 0);
    CHECK_EQ(pthread_create(&thread, &attributes, body, argument), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    while (of_gone && syscall(SYS_tgkill, getpid(), of_gone->thread_id, 0) == 0)
        usleep(100); /* the kernel wakes the joining thread a little before */
}

static void test_gone(void **state)
{
    (void)state;
    struct thread_cache *found = NULL;
    size_t threads = thread_cache_count();
    of_gone = NULL;
    run_on_stack(goes_without_a_word, NULL, 256 * KIB);
    CHECK_EQ(thread_cache_count(), threads + 1);
    /* by the storage, which the next thread on the same stack has */
    struct thread_cache *last = of_gone;
    of_gone = NULL;
    run_on_stack(sees_own_cache, &found, 256 * KIB);
    CHECK(found == last || thread_cache_count() == threads + 1);
    unified_cache_reap();
    CHECK_EQ(thread_cache_count(), threads);
    /* by its number */
    run_on_stack(goes_without_a_word, NULL, 256 * KIB);
    unified_cache_reap();
    CHECK_EQ(thread_cache_count(), threads);
    /* not to be trusted */
    run_on_stack(goes_in_a_slow_path, NULL, 256 * KIB);
    last = of_gone;
    unified_cache_reap();
    CHECK_EQ(thread_cache_count(), threads);
    of_gone = NULL;
    run_on_stack(sees_own_cache, &found, 256 * KIB);
    CHECK(found != last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_parked),
        cmocka_unit_test(test_frees_only),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
