/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/watched.c: the bins of a watched thread look empty to the fast path, but not to
 * the counted pop; blocks that a slow path frees are samples no more; frees of their neighbours
 * stay fast. Who wants profiling: the program, the command by a request and a lease, tracers by
 * their semaphores; and a mark that the command has set from outside.
 */
#include "unit/own_cache.h"

#include "front/request.h"
#include "front/route.h"
#include "front/watched.h"

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
CHILD_TEST(nudged)
CHILD_TEST(nudged_in_vain)
CHILD_TEST(command)
CHILD_TEST(command_beside_program)
CHILD_TEST(lease)
CHILD_TEST(tracer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watched_bin),
        cmocka_unit_test(test_new_thread),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_nudged),
        cmocka_unit_test(test_nudged_in_vain),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_command_beside_program),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_tracer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
