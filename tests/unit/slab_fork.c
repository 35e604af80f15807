/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/slab_fork.c: what other threads of the parent had under way is not under way in the
 * child, and its mappings count as copies.
 */
#include "unit/unit.h"

#include "slab/decay.h"
#include "slab/purge.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/slab_fork.h"
#include "slab/slab_run.h"
#include "slab/space.h"

static void in_child(void)
{
    bool is_zero;
    slab_fork_reset();
    CHECK(space.tail == NULL);
    CHECK(space.is_forked);
    CHECK_EQ(decay_clock.waiting, 0);
    decay_lock_in_turn(); /* there is nobody to wait for */
    decay_unlock();
    struct slab *slab = slab_run_take(4, &is_zero);
    CHECK(slab != NULL);
    slab_run_give(slab);
    CHECK(purge_warm() >= 4 * SLAB_SIZE);
    CHECK_EQ(slab_check(), 0);
}

static void test_child(void **state)
{
    static struct superslab another;
    (void)state;
    settings.decay_ms = -1;
    CHECK(reservation_make());
    /* as if two threads waited for the lock, and a third purged a tail */
    decay_clock.waiting = 2;
    space.tail = &another;
    CHECK_CHILD(in_child);
    CHECK(space.tail == &another && !space.is_forked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_child)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
