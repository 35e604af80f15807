/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/os_generation.c: a child with memory of its own finds that it is a copy, however it
 * was made; one that shares its parent's memory does not, nor the parent; one thread repairs a
 * copy, and the others wait; a kernel that refuses leaves all as it is.
 */
#include "unit/unit.h"

#include "os/os.h"

#include <sys/syscall.h>

/* A child by the system call alone, that ends with 0 where `body` finds all right. */
static void check_bare_child(void (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK(child >= 0);
    if (child == 0) {
        unit_is_child = true;
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

static void find_copy(void)
{
    CHECK(os_is_copy());
    CHECK(os_generation_claim());
    CHECK(os_is_copy());
    os_generation_renew();
    CHECK(!os_is_copy());
    CHECK(!os_generation_claim());
}

static void find_no_copy(void)
{
    CHECK(!os_is_copy());
}

static void find_copy_of_copy(void)
{
    find_copy();
    check_bare_child(find_copy);
    CHECK(!os_is_copy());
}

static void make(void)
{
    os_generation_make();
    os_generation_make(); /* once is enough */
}

static void test_copies(void **state)
{
    (void)state;
    CHECK(!os_is_copy());
    make();
    CHECK(!os_is_copy());
    check_bare_child(find_copy);
    check_bare_child(find_copy_of_copy);
    CHECK_CHILD(find_copy); /* fork's is one too, until its handlers have repaired it */
    CHECK(!os_is_copy());
}

static void test_shared_memory(void **state)
{
    int status;
    static volatile bool is_copy;
    (void)state;
    if (UNIT_SANITIZED)
        skip(); /* the sanitizers make a fork of vfork */
    make();
    is_copy = true;
    pid_t child = vfork();
    CHECK(child >= 0);
    if (child == 0) {
        is_copy = os_is_copy();
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(!is_copy);
    CHECK(!os_is_copy());
}

static _Atomic unsigned repairers;
static _Atomic bool is_repaired;

static void *repair(void *number)
{
    (void)number;
    if (os_generation_claim()) {
        atomic_fetch_add(&repairers, 1);
        usleep(5000);
        atomic_store(&is_repaired, true);
        os_generation_renew();
    }
    CHECK(atomic_load(&is_repaired));
    return NULL;
}

static void repair_by_threads(void)
{
    unit_run_threads(repair);
    CHECK_EQ(atomic_load(&repairers), 1);
    CHECK(!os_is_copy());
}

static void test_one_repairs(void **state)
{
    (void)state;
    make();
    CHECK_CHILD(repair_by_threads);
}

static bool refuse_advice(enum os_call call)
{
    return call == OS_CALL_ADVISE;
}

static bool refuse_memory(enum os_call call)
{
    return call == OS_CALL_RESERVE;
}

/* Before the word is made: the first test. */
static void test_refused(void **state)
{
    (void)state;
    _Atomic uint32_t *first = os_generation;
    os_inject_failure = refuse_advice;
    os_generation_make();
    os_inject_failure = refuse_memory;
    os_generation_make();
    os_inject_failure = NULL;
    CHECK(os_generation == first);
    check_bare_child(find_no_copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_shared_memory),
        cmocka_unit_test(test_one_repairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
