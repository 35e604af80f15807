/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/os_confine.c: when a filter or strict mode is noted, no optional call is made any
 * more, none of another thread's is under way, and there is no helper. In children: what is noted
 * stays.
 */
#include "unit/unit.h"

#include "os/os.h"

#define SIZE (64 * KIB)

static void note_in_child(void)
{
    os_note_filter();
    CHECK(os_is_filtered());
    CHECK(!os_call_begin());
    CHECK(!os_call_begin());
    CHECK(os_may_give_back());
}

static void test_noted(void **state)
{
    (void)state;
    CHECK_CHILD(note_in_child);
}

static _Atomic bool has_begun;
static _Atomic bool has_ended;

static void *call_for_a_while(void *unused)
{
    (void)unused;
    CHECK(os_call_begin());
    atomic_store(&has_begun, true);
    usleep(20000);
    atomic_store(&has_ended, true);
    os_call_end();
    return NULL;
}

static void note_while_under_way(void)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, call_for_a_while, NULL), 0);
    while (!atomic_load(&has_begun))
        sched_yield();
    os_note_filter();
    CHECK(atomic_load(&has_ended));
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void note_in_own_call(void)
{
    CHECK(os_call_begin());
    os_note_filter(); /* a signal handler's: returns all the same */
    os_call_end();
    CHECK(!os_call_begin());
}

static void test_calls_under_way(void **state)
{
    (void)state;
    if (os_is_filtered())
        skip();
    CHECK_CHILD(note_while_under_way);
    CHECK_CHILD(note_in_own_call);
}

static void run_until_the_end(void)
{
    while (!os_helper_is_to_end())
        os_helper_sleep(1000);
}

static void note_with_helper(void)
{
    CHECK(os_helper_start(run_until_the_end));
    os_note_filter();
    CHECK(!os_helper_is_running());
    CHECK(!os_helper_start(run_until_the_end));
}

static void test_helper(void **state)
{
    (void)state;
    if (UNIT_SANITIZED || os_is_filtered())
        skip(); /* there is none */
    CHECK_CHILD(note_with_helper);
}

static void strict_in_child(void)
{
    char *start = os_reserve(SIZE);
    start[0] = 7;
    os_note_strict_mode();
    CHECK(!os_may_give_back());
    CHECK(!os_purge(start, SIZE));
    CHECK(!os_unmap(start, SIZE));
    CHECK_EQ(start[0], 7);
}

static void test_strict_mode(void **state)
{
    (void)state;
    CHECK_CHILD(strict_in_child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noted),
        cmocka_unit_test(test_calls_under_way),
        cmocka_unit_test(test_helper),
        cmocka_unit_test(test_strict_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
