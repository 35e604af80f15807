/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/watched.c: the bins of a watched thread look empty to the fast path, but not to
 * the counted pop; blocks that a slow path frees are samples no more; frees of their neighbours
 * stay fast. Who wants profiling: the program, the command by a request and a lease, tracers by
 * their semaphores; and a mark that the command has set from outside. A span that is resized while
 * another thread ends its sample has the byte of its new size: tried after each instruction of the
 * end (on x86-64).
 */
#include "unit/own_cache.h"

#include "front/request.h"
#include "front/route.h"
#include "front/watched.h"

#include <pthread.h>
#include <ucontext.h>

static unsigned byte_of(const void *block)
{
    return slab_map_get(reservation_get(), reservation_offset(reservation_get(), block));
}

/* A bin looks empty to the fast path, and full of what it holds to the counted pop. */
static void watched_bin(void)
{
    CHECK(reservation_make());
    void *block = route_alloc(100, false);
    CHECK(route_free(block));
    CHECK(watched_start(PROFILE_BY_PROGRAM, TIB));
    CHECK(front_alloc(100) == NULL);
    void *again = watched_alloc(100);
    CHECK(again == NULL || front_free(again)); /* the first one draws the distance */
    again = again ? again : route_alloc(100, false);
    CHECK(front_free(again));
    again = watched_alloc(100);
    CHECK(again != NULL);
    CHECK(front_free(again));
    watched_stop(PROFILE_BY_PROGRAM);
    CHECK(front_alloc(100) == again);
}

/* A cache that a thread gets while profiling is on is watched from its start. */
static void check_new_thread(void)
{
    void *block = route_alloc(100, false);
    CHECK(route_free(block)); /* its bin may have no room for a fast one */
    CHECK(bin_is_watched(own_cache(), size_class_of(100)));
    CHECK(front_alloc(100) == NULL);
}

static void new_thread(void)
{
    CHECK(reservation_make());
    CHECK(watched_start(PROFILE_BY_PROGRAM, TIB));
    run_in_thread(check_new_thread);
    watched_stop(PROFILE_BY_PROGRAM);
}

/* With interval 1 each block is a sample, with its label; its end is a free. */
static void samples(void)
{
    CHECK(reservation_make());
    void *neighbour = route_alloc(100, false);
    CHECK(watched_start(PROFILE_BY_PROGRAM, 1));
    watched_label = 5;
    void *block = route_alloc(100, false);
    watched_stop(PROFILE_BY_PROGRAM);
    CHECK(profile_has(block) && !profile_has(neighbour));
    CHECK_EQ(profile.sample_count, 1);
    CHECK_EQ(byte_of(block), CLASS_SAMPLED);
    CHECK_EQ(byte_of(neighbour), CLASS_SAMPLED);
    CHECK_EQ(watched_byte(CLASS_SAMPLED, block), size_class_of(100));
    CHECK(!front_free(neighbour) && !watched_free(block));
    CHECK(watched_free(neighbour));
    CHECK(route_free(block));
    CHECK(!profile_has(block));
    CHECK_EQ(profile.sample_count, 0);
    CHECK_EQ(byte_of(block), size_class_of(100));
    check_structure();
}

/* ---- a span that is resized while its sample ends ---- */

#if defined(__x86_64__) && !UNIT_SANITIZED

#define SPAN (100 * KIB)
#define SPAN_GROWN (150 * KIB)

/* Purpose: an end of a sample, during which the owner of its span resizes it. */
static struct {
    void *span;
    void *resized;
    pthread_t owner;
    _Atomic bool is_resized;
    volatile unsigned left; /* instructions before that; 0: it was done */
} end;

static void *resize_span(void *unused)
{
    CHECK(route_resize(end.span, SPAN_GROWN, &end.resized));
    atomic_store(&end.is_resized, true);
    return unused;
}

/* Go on when the owner has come to its end, or sleeps till the sample has come to its own. */
static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (end.left == 0 || --end.left > 0)
        return;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
    CHECK_EQ(pthread_create(&end.owner, NULL, resize_span, NULL), 0);
    while (!atomic_load(&end.is_resized) && atomic_load(&profile.lock.word) != 2)
        ;
}

static __attribute__((noinline)) void step_on(void)
{
    __asm__ volatile("subq $128, %%rsp\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
                     "addq $128, %%rsp" ::
                         : "memory", "cc");
}

static void resized_meanwhile(void)
{
    enum { INSTRUCTIONS = 500 };
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    CHECK(reservation_make());
    CHECK_EQ(sigaction(SIGTRAP, &action, NULL), 0);
    for (unsigned steps = 1; steps < INSTRUCTIONS; steps++) {
        CHECK(watched_start(PROFILE_BY_PROGRAM, 1));
        end.span = route_alloc(SPAN, false);
        watched_stop(PROFILE_BY_PROGRAM);
        CHECK_EQ(byte_of(end.span), CLASS_SAMPLED);
        end.is_resized = false;
        end.left = steps;
        step_on();
        profile_forget(end.span);
        while (end.left > 0)
            ;
        CHECK_EQ(pthread_join(end.owner, NULL), 0);
        CHECK(end.resized == end.span);
        CHECK_EQ(byte_of(end.span), size_class_of(SPAN_GROWN));
        CHECK(route_free(end.span));
    }
}

#else

static void resized_meanwhile(void) {}

#endif

/* ---- clients ---- */

static bool is_bin_watched(size_t size)
{
    return bin_is_watched(own_cache(), size_class_of(size));
}

/* A free block in the bin, so that the fast path has no reason to leave. */
static void fill_bin(void)
{
    void *block = route_alloc(100, false);
    CHECK(route_free(block));
    block = route_alloc(100, false);
    CHECK(front_free(block));
}

/* What the command writes from outside. */
static void nudge(void)
{
    struct thread_cache *cache = own_cache();
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (cache->bottom[size_class])
            ((uint8_t *)&cache->bottom[size_class])[sizeof(void *) - 1] = 0x80;
}

static void ask_to_profile(int64_t interval)
{
    atomic_store(&requests.slots[REQUEST_PROFILE].value, interval);
    atomic_fetch_add(&requests.slots[REQUEST_PROFILE].asked, 1);
    atomic_store(&requests.is_waiting, 1);
}

/* What malloc does. */
static void *take(void)
{
    void *block = front_alloc(100);
    block = block ? block : watched_alloc(100);
    return block ? block : route_alloc(100, false);
}

static void pairs(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        void *block = take();
        CHECK(front_free(block) || watched_free(block) || route_free(block));
    }
}

/* A thread of malloc and free pairs sees a request when it is nudged, and only then; before the
 * first profile, and after one. */
static void nudged(void)
{
    CHECK(reservation_make());
    fill_bin();
    for (unsigned round = 0; round < 3; round++) {
        ask_to_profile((int64_t)TIB);
        pairs(100);
        CHECK_EQ(profile.is_on, 0);
        nudge();
        pairs(2);
        CHECK_EQ(profile.is_on, PROFILE_BY_COMMAND);
        CHECK(is_bin_watched(100));
        ask_to_profile(0);
        CHECK(route_free(route_alloc(4 * MIB, false)));
        CHECK_EQ(profile.is_on, 0);
        CHECK(!is_bin_watched(100));
    }
    check_structure();
}

/* Without a request a slow path takes the marks away again. */
static void nudged_in_vain(void)
{
    CHECK(reservation_make());
    fill_bin();
    nudge();
    CHECK(is_bin_watched(100));
    CHECK(front_alloc(100) == NULL);
    pairs(2);
    CHECK(!is_bin_watched(100));
    void *block = front_alloc(100);
    CHECK(block != NULL && front_free(block));
    check_structure();
}

/* When the command is done, nothing is left of it. */
static void command(void)
{
    CHECK(reservation_make());
    ask_to_profile(1);
    void *block = route_alloc(100, false);
    CHECK(profile_has(block));
    CHECK_EQ(byte_of(block), CLASS_SAMPLED);
    ask_to_profile(0);
    CHECK(route_free(route_alloc(4 * MIB, false)));
    CHECK(!profile_has(block));
    CHECK_EQ(profile.sample_count, 0);
    CHECK_EQ(profile.live_bytes, 0);
    CHECK_EQ(byte_of(block), size_class_of(100));
    CHECK(front_free(block) || route_free(block));
    check_structure();
}

/* The program's own profiling keeps its interval, and goes on. */
static void command_beside_program(void)
{
    CHECK(reservation_make());
    CHECK(watched_start(PROFILE_BY_PROGRAM, 1));
    void *block = route_alloc(100, false);
    CHECK(watched_serve(4096));
    CHECK_EQ(profile.interval, 1);
    CHECK(watched_serve(0));
    CHECK_EQ(profile.is_on, PROFILE_BY_PROGRAM);
    CHECK(profile_has(block));
    watched_stop(PROFILE_BY_PROGRAM);
    CHECK(profile_has(block) && !is_bin_watched(100));
    CHECK(watched_serve(4096));
    CHECK(watched_start(PROFILE_BY_PROGRAM, 1));
    void *second = route_alloc(100, false);
    watched_stop(PROFILE_BY_PROGRAM);
    CHECK(is_bin_watched(100));
    CHECK(watched_serve(0));
    CHECK(profile_has(block) && profile_has(second)); /* they are the program's */
    check_structure();
}

/* A command that is gone does not renew its lease. */
static void lease(void)
{
    CHECK(reservation_make());
    CHECK(watched_serve(1));
    void *block = route_alloc(100, false);
    watched_reset_in_child(); /* as if the last renewal were long ago */
    atomic_fetch_add(&requests.profile_lease, 1);
    CHECK(route_free(block));
    block = route_alloc(100, false); /* sees that the number is a new one */
    CHECK_EQ(profile.is_on, PROFILE_BY_COMMAND);
    watched_reset_in_child();
    CHECK(route_free(block));
    block = route_alloc(100, false);
    CHECK_EQ(profile.is_on, 0);
    CHECK(!is_bin_watched(100) && !profile_has(block));
    CHECK(watched_serve(1)); /* a later command has a lease of its own */
    CHECK(route_free(block));
    block = route_alloc(100, false);
    CHECK_EQ(profile.is_on, PROFILE_BY_COMMAND);
    CHECK(watched_serve(0));
}

static void tracer(void)
{
    CHECK(reservation_make());
    atomic_fetch_add(&otel_memory_free_semaphore, 1);
    void *block = route_alloc(100, false);
    CHECK_EQ(profile.is_on, PROFILE_BY_TRACER);
    CHECK_EQ(profile.interval, settings.profile_interval);
    CHECK(is_bin_watched(100));
    atomic_fetch_add(&otel_memory_alloc_semaphore, 1);
    CHECK(route_free(block));
    atomic_fetch_sub(&otel_memory_free_semaphore, 1);
    block = route_alloc(100, false);
    CHECK_EQ(profile.is_on, PROFILE_BY_TRACER);
    atomic_fetch_sub(&otel_memory_alloc_semaphore, 1);
    CHECK(route_free(block));
    CHECK_EQ(profile.is_on, 0);
    CHECK(!is_bin_watched(100));
}

#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_CHILD(body);                                                                         \
    }

CHILD_TEST(watched_bin)
CHILD_TEST(new_thread)
CHILD_TEST(samples)
CHILD_TEST(resized_meanwhile)
CHILD_TEST(nudged)
CHILD_TEST(nudged_in_vain)
CHILD_TEST(command)
CHILD_TEST(command_beside_program)
CHILD_TEST(lease)
CHILD_TEST(tracer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watched_bin), cmocka_unit_test(test_new_thread),
        cmocka_unit_test(test_samples),     cmocka_unit_test(test_resized_meanwhile),
        cmocka_unit_test(test_nudged),      cmocka_unit_test(test_nudged_in_vain),
        cmocka_unit_test(test_command),     cmocka_unit_test(test_command_beside_program),
        cmocka_unit_test(test_lease),       cmocka_unit_test(test_tracer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
