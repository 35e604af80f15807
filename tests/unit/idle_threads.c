/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/idle_threads.c: the bins of a thread asleep are emptied, those of one that runs,
 * is in a slow path or has just woken are not; a pop and a push that a sleeping signal handler
 * interrupts are completed; a parked thread goes on, ends, forks. The fast path's halves are
 * written out here, so that the test decides what lies between them. In a sanitizer build there is
 * no helper and nothing to test.
 */
#include "unit/unit.h"

#include "front/upkeep.h"

#include <sched.h>

#define BLOCKS 30
#define CLASS 12

/* ---- the helper ---- */

static void look(void)
{
    for (unsigned i = 0; i < 4; i++)
        if (idle_threads_drain(false).fault != FAULT_NONE)
            _exit(1);
}

static void drain(void)
{
    CHECK(os_helper_start(look));
    while (os_helper_is_running())
        sched_yield();
}

static size_t blocks_out(void)
{
    struct pool_figures figures = {0};
    CHECK_EQ(pool_check(&shared_pool), 0);
    pool_count(&shared_pool, CLASS, &figures);
    return figures.blocks_out;
}

/* ---- the thread ---- */

static _Atomic int stage;

static void go(int next)
{
    stage = next;
}

/* Sleeps for good: but for the moments in which it looks. */
static void sleep_until(int wanted)
{
    while (stage < wanted)
        usleep(300000);
}

static void spin_until(int wanted)
{
    while (stage < wanted)
        ;
}

static void *allocate(void)
{
    size_t size = size_classes[CLASS].size;
    void *block = front_alloc(size);
    return block ? block : route_alloc(size, false);
}

static void release(void *block)
{
    if (!front_free(block))
        CHECK(route_free(block));
}

/* Leaves BLOCKS blocks in the bin. */
static void fill_bin(void)
{
    void *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = allocate();
    for (unsigned i = 0; i < BLOCKS; i++)
        release(blocks[i]);
    CHECK(bin_count(thread_heap_at(reservation_get()), CLASS) >= BLOCKS);
}

/* What is handed out from here on is handed out once. */
static void check_distinct(void *first)
{
    static void *blocks[4 * BLOCKS];
    blocks[0] = first ? first : allocate();
    for (unsigned i = 1; i < 4 * BLOCKS; i++) {
        blocks[i] = allocate();
        for (unsigned j = 0; j < i; j++)
            CHECK(blocks[i] != blocks[j]);
    }
    for (unsigned i = 0; i < 4 * BLOCKS; i++)
        release(blocks[i]);
}

/* Now, and not after a while. */
static void trim(void)
{
    route_trim();
}

/* Run `body` in a thread that has a full bin; `empty` it at stage 1, and let it go on. Returns
 * the blocks that were out after that. */
static size_t drained_by(void (*empty)(void), void *(*body)(void *))
{
    pthread_t thread;
    go(0);
    CHECK_EQ(pthread_create(&thread, NULL, body, NULL), 0);
    while (stage < 1)
        sched_yield();
    usleep(20000); /* it goes to sleep; if it has not yet, less is drained and the test says so */
    empty();
    size_t out = blocks_out();
    go(2);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    CHECK_EQ(blocks_out(), 0);
    return out;
}

static size_t drain_beside(void *(*body)(void *))
{
    return drained_by(drain, body);
}

static void *sleeps(void *unused)
{
    fill_bin();
    go(1);
    sleep_until(2);
    check_distinct(NULL);
    return unused;
}

static void *sleeps_and_ends(void *unused)
{
    fill_bin();
    go(1);
    sleep_until(2);
    return unused;
}

static void *spins(void *unused)
{
    fill_bin();
    usleep(1000); /* it has slept before */
    go(1);
    spin_until(2);
    check_distinct(NULL);
    return unused;
}

/* As if its slow path slept, for a lock or in the kernel. */
static void *sleeps_in_a_slow_path(void *unused)
{
    fill_bin();
    struct thread_heap *heap = unified_cache_enter();
    go(1);
    sleep_until(2);
    unified_cache_leave(heap);
    check_distinct(NULL);
    return unused;
}

static void *sleeps_in_a_pop(void *unused)
{
    fill_bin();
    struct thread_heap *heap = thread_heap_at(reservation_get());
    void **top = word_load(&heap->top[CLASS]);
    CHECK(top != heap->bottom[CLASS]);
    go(1);
    sleep_until(2);
    word_store(&heap->top[CLASS], top - 1);
    check_distinct(top[-1]);
    return unused;
}

static void *sleeps_in_a_push(void *unused)
{
    fill_bin();
    struct thread_heap *heap = thread_heap_at(reservation_get());
    void *block = allocate();
    void **top = word_load(&heap->top[CLASS]);
    CHECK(top < heap->limit[CLASS]);
    go(1);
    sleep_until(2);
    *top = block;
    word_store(&heap->top[CLASS], top + 1);
    check_distinct(NULL);
    return unused;
}

static void *forks(void *unused)
{
    fill_bin();
    go(1);
    sleep_until(2);
    pid_t child = fork();
    if (child == 0) {
        background_reset_in_child();
        front_reset_in_child();
        check_distinct(NULL);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    check_distinct(NULL);
    return unused;
}

static void on_signal(int number)
{
    (void)number;
}

static void end_heap(void *heap)
{
    (void)heap;
    unified_cache_thread_exit();
}

static pthread_key_t key;

static void announce(struct thread_heap *heap)
{
    pthread_setspecific(key, heap);
}

static int set_up(void **state)
{
    (void)state;
    settings.decay_ms = 3600000;
    settings.background = 0; /* the helper here is the test's */
    unified_cache_on_new_heap = announce;
    unified_cache_started();
    return pthread_key_create(&key, end_heap) == 0 && reservation_make() ? 0 : -1;
}

/* ---- tests ---- */

/* cmocka's own handlers are set anew for each test. */
static void handle_no_signal(void)
{
    static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGUSR1};
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
        signal(caught[i], SIG_DFL);
}

static void test_asleep(void **state)
{
    (void)state;
    handle_no_signal();
    CHECK_EQ(drain_beside(sleeps), 0);
    CHECK_EQ(drain_beside(sleeps_and_ends), 0);
}

static void test_not_asleep(void **state)
{
    (void)state;
    handle_no_signal();
    CHECK(drain_beside(spins) >= BLOCKS);
    CHECK(drain_beside(sleeps_in_a_slow_path) >= BLOCKS);
}

static void block_signal(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(how, &set, NULL), 0);
}

/* A thread that blocks a signal may be in its handler: so the top block stays. Threads inherit what
 * is blocked. */
static void test_interrupted(void **state)
{
    (void)state;
    handle_no_signal();
    signal(SIGUSR1, on_signal);
    block_signal(SIG_BLOCK);
    CHECK_EQ(drain_beside(sleeps), 1);
    CHECK_EQ(drain_beside(sleeps_in_a_pop), 1);
    CHECK_EQ(drain_beside(sleeps_in_a_push), 2);
    CHECK_EQ(drain_beside(sleeps_and_ends), 1);
    block_signal(SIG_UNBLOCK);
}

/* A handler that is there is none that the thread is in, unless its signal is not blocked then. */
static void test_handlers(void **state)
{
    (void)state;
    handle_no_signal();
    signal(SIGUSR1, on_signal);
    CHECK_EQ(drain_beside(sleeps), 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(drain_beside(sleeps), 1);
}

static void test_trim(void **state)
{
    (void)state;
    handle_no_signal();
    settings.background = 1;
    background_allow();
    CHECK_EQ(drained_by(trim, sleeps), 0);
    CHECK_EQ(drained_by(trim, sleeps_and_ends), 0);
    CHECK(drained_by(trim, spins) >= BLOCKS);
    CHECK(drained_by(trim, sleeps_in_a_slow_path) >= BLOCKS);
}

static void before_fork(void)
{
    front_lock_all();
}

static void test_fork(void **state)
{
    (void)state;
    handle_no_signal();
    pthread_atfork(before_fork, front_unlock_all, NULL);
    CHECK_EQ(drain_beside(forks), 0);
}

int main(void)
{
    if (UNIT_SANITIZED)
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asleep),
        cmocka_unit_test(test_not_asleep),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_handlers),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_trim), /* the last: it leaves a helper of the allocator's */
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
