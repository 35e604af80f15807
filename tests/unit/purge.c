/* SPDX-License-Identifier: MIT */
/* Tests of slab/purge.c and slab/decay.c: what is purged, when, how much of it is kept, and refused
 * purges. */
#include "unit/unit.h"

#include "slab/decay.h"
#include "slab/drain.h"
#include "slab/purge.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/slab_run.h"
#include "slab/space.h"
#include "slab/superslab.h"

#define RUN_SLABS 4
#define RUN_BYTES (RUN_SLABS * SLAB_SIZE)
#define RUNS 40 /* more superslabs than one batch of a purge takes */

/* For tests that purge by themselves: an epoch that does not end, however slow the machine. */
#define LONG_MS 3600000

static struct slab *runs[RUNS];
static char *starts[RUNS]; /* the record of a purged run may have gone with its pages */

static void make(int64_t decay_ms)
{
    settings.decay_ms = decay_ms;
    CHECK(reservation_make());
}

static struct slab *take_and_touch(unsigned count)
{
    bool is_zero;
    struct slab *slab = slab_run_take(count, &is_zero);
    CHECK(slab != NULL);
    for (size_t i = 0; i < count; i++)
        slab->start[i * SLAB_SIZE] = 1;
    return slab;
}

static void give(struct slab *slab)
{
    size_t bytes = slab->slab_count * SLAB_SIZE;
    slab_run_give(slab);
    drain_after_give(bytes);
}

static size_t warm_bytes(void)
{
    struct slab_figures figures;
    CHECK_EQ(slab_check(), 0);
    slab_count(&figures);
    return figures.warm_bytes;
}

static void purge_all(void)
{
    make(-1); /* more is warm than the bound lets be */
    uint64_t before = decay_purged_bytes();
    for (unsigned i = 0; i < RUNS; i++) {
        runs[i] = take_and_touch(i % 2 ? SLABS_PER_SUPERSLAB : RUN_SLABS);
        starts[i] = runs[i]->start;
    }
    size_t expected = 0;
    for (unsigned i = 0; i < RUNS; i++) {
        expected += runs[i]->slab_count * SLAB_SIZE;
        give(runs[i]);
        CHECK(unit_present_pages(runs[i]->start, RUN_BYTES) >= RUN_SLABS);
        CHECK_EQ(warm_bytes(), expected);
    }
    CHECK_EQ(purge_warm(), expected);
    CHECK_EQ(decay_purged_bytes(), before + expected);
    CHECK_EQ(warm_bytes(), 0);
    for (unsigned i = 0; i < RUNS; i++)
        CHECK_EQ(unit_present_pages(starts[i], RUN_BYTES), 0);
    CHECK_EQ(purge_warm(), 0);
    bool is_zero;
    struct slab *slab = slab_run_take(RUN_SLABS, &is_zero);
    CHECK(is_zero && unit_is_zero(slab->start, RUN_BYTES));
}

/* 0 gives back at once, -1 never by itself. */
static void at_once(void)
{
    make(0);
    struct slab *slab = take_and_touch(RUN_SLABS);
    char *start = slab->start;
    give(slab);
    CHECK_EQ(unit_present_pages(start, RUN_BYTES), 0);
    CHECK_EQ(warm_bytes(), 0);
    slab = take_and_touch(RUN_SLABS);
    slab_run_shrink(slab, 1);
    drain_after_give((RUN_SLABS - 1) * SLAB_SIZE);
    CHECK_EQ(unit_present_pages(slab->start, RUN_BYTES), 1);
    CHECK_EQ(warm_bytes(), 0);
    CHECK(!purge_poll());
}

static void wait_ms(uint64_t ms)
{
    for (uint64_t end = os_now_ms() + ms; os_now_ms() < end;)
        sched_yield();
}

static void never(void)
{
    make(-1);
    struct slab *slab = take_and_touch(RUN_SLABS);
    give(slab);
    for (unsigned i = 0; i < 5; i++) {
        CHECK(!purge_poll());
        wait_ms(5);
    }
    CHECK_EQ(warm_bytes(), RUN_BYTES);
    settings.decay_ms = 8;
    settings.bench_fast_mode = 1;
    for (unsigned i = 0; i < 5; i++) {
        CHECK(!purge_poll());
        wait_ms(5);
    }
    CHECK_EQ(warm_bytes(), RUN_BYTES);
    CHECK_EQ(purge_warm(), RUN_BYTES);
}

/* Polls until an epoch has begun. */
static void next_epoch(void)
{
    while (!purge_poll())
        sched_yield();
}

static void ageing(void)
{
    make(40);
    CHECK(!purge_poll()); /* starts the clock */
    next_epoch();
    struct slab *old = take_and_touch(RUN_SLABS);
    char *start = old->start;
    give(old);
    uint8_t epoch = decay_epoch();
    /* epochs may be jumped over when this process does not get to run: so count them */
    while ((uint8_t)(decay_epoch() - epoch) < 4) {
        CHECK_EQ(warm_bytes(), RUN_BYTES);
        CHECK_EQ(unit_present_pages(start, RUN_BYTES), RUN_SLABS);
        next_epoch();
    }
    CHECK_EQ(warm_bytes(), 0);
    CHECK_EQ(unit_present_pages(start, RUN_BYTES), 0);
}

/* A superslab's records go when nothing of it is left, and not before. */
static void records_go_last(void)
{
    const size_t size = SLABS_PER_SUPERSLAB * sizeof(struct slab);
    make(LONG_MS);
    for (unsigned i = 0; i < 2; i++)
        runs[i] = take_and_touch(SLABS_PER_SUPERSLAB / 2);
    struct slab *records = superslab_of(runs[0]->start)->slabs;
    CHECK(records == superslab_of(runs[1]->start)->slabs);
    give(runs[0]);
    purge_warm();
    CHECK_EQ(unit_present_pages((char *)records, size), size / os_page_size());
    CHECK_EQ(runs[1]->slab_count, SLABS_PER_SUPERSLAB / 2);
    give(runs[1]);
    purge_warm();
    if (os_page_size() <= size)
        CHECK_EQ(unit_present_pages((char *)records, size), 0);
    CHECK_EQ(slab_check(), 0);
    CHECK(take_and_touch(SLABS_PER_SUPERSLAB) == records);
    CHECK_EQ(slab_check(), 0);
}

/* What is used again before its time is not purged, and counts anew when it comes back. */
static void reuse_rejuvenates(void)
{
    make(40);
    purge_poll();
    next_epoch();
    struct slab *slab = take_and_touch(RUN_SLABS);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t epoch = decay_epoch();
        give(slab);
        next_epoch();
        uint8_t passed = (uint8_t)(decay_epoch() - epoch);
        CHECK_EQ(warm_bytes(), passed < 4 ? RUN_BYTES : 0);
        CHECK(take_and_touch(RUN_SLABS) == slab);
    }
}

static void over_the_limit(void)
{
    make(LONG_MS);
    settings.ss_cache_max = MIB;
    for (unsigned i = 0; i < RUNS; i++)
        runs[i] = take_and_touch(RUN_SLABS);
    for (unsigned i = 0; i < RUNS; i++) {
        give(runs[i]);
        CHECK(warm_bytes() <= MIB);
    }
    CHECK(decay_purged_bytes() > 0);
    settings.ss_cache_max = 0;
    give(take_and_touch(RUN_SLABS));
    CHECK_EQ(warm_bytes(), 0);
}

static bool fail_purge(enum os_call call)
{
    errno = EINVAL;
    return call == OS_CALL_PURGE;
}

/* What the kernel does not take stays warm, is not lost, and is not said to be zero. */
static void refused(void)
{
    bool is_zero;
    make(LONG_MS);
    struct slab *slab = take_and_touch(RUN_SLABS);
    give(slab);
    os_inject_failure = fail_purge;
    CHECK_EQ(purge_warm(), 0);
    CHECK_EQ(warm_bytes(), RUN_BYTES);
    settings.decay_ms = 0;
    give(take_and_touch(RUN_SLABS));
    CHECK_EQ(warm_bytes(), RUN_BYTES);
    CHECK(slab_run_take(RUN_SLABS, &is_zero) == slab);
    CHECK(!is_zero);
    os_inject_failure = NULL;
    give(slab);
    CHECK_EQ(warm_bytes(), 0);
}

static void locked_page(void)
{
    bool is_zero;
    make(LONG_MS);
    struct slab *slab = take_and_touch(RUN_SLABS);
    if (mlock(slab->start + SLAB_SIZE, os_page_size()) != 0)
        return; /* not allowed here */
    give(slab);
    purge_warm();
    CHECK_EQ(slab_check(), 0);
    CHECK(slab_run_take(RUN_SLABS, &is_zero) == slab);
    CHECK(!is_zero || unit_is_zero(slab->start, RUN_BYTES));
}

static unsigned purge_calls;

static bool count_purge(enum os_call call)
{
    purge_calls += call == OS_CALL_PURGE;
    return false;
}

/* However much is due, no call holds the kernel's lock for more than 256 KiB. */
static void bounded_calls(void)
{
    make(LONG_MS);
    give(take_and_touch(32));
    os_inject_failure = count_purge;
    CHECK_EQ(purge_warm(), SUPERSLAB_SIZE);
    CHECK(purge_calls >= SUPERSLAB_SIZE / (256 * KIB)); /* and one for the records */
    bool is_zero;
    char *start = superslab_range_take(2, &is_zero);
    memset(start, 1, 3 * MIB);
    superslab_range_give(start, 2, 3 * MIB);
    purge_calls = 0;
    CHECK_EQ(purge_warm(), 3 * MIB);
    CHECK(purge_calls >= 3 * MIB / (256 * KIB));
    os_inject_failure = NULL;
    CHECK_EQ(warm_bytes(), 0);
}

/* Locked pages at low addresses keep nothing but their own slabs. */
static void locked_ones_first(void)
{
    if (UNIT_SANITIZED)
        return; /* a sanitizer only says that it locks */
    make(LONG_MS);
    for (unsigned i = 0; i < RUNS; i++)
        runs[i] = take_and_touch(SLABS_PER_SUPERSLAB);
    for (unsigned i = 0; i < 2; i++)
        if (mlock(runs[i]->start, SUPERSLAB_SIZE) != 0)
            return; /* not allowed here */
    if (mlock(runs[2]->start + SLAB_SIZE, os_page_size()) != 0)
        return;
    for (unsigned i = 0; i < RUNS; i++)
        give(runs[i]);
    size_t locked = 2 * SLABS_PER_SUPERSLAB + 1;
    size_t slabs = RUNS * SLABS_PER_SUPERSLAB - locked;
    decay_count(true);
    CHECK_EQ(purge_warm(), slabs * SLAB_SIZE);
    CHECK_EQ(decay_returned_bytes(), slabs * os_page_size());
    CHECK_EQ(warm_bytes(), locked * SLAB_SIZE);
    CHECK_EQ(purge_warm(), 0);
    CHECK_EQ(decay_returned_bytes(), slabs * os_page_size());
    decay_count(false);
}

CHILD_TEST(purge_all)
CHILD_TEST(at_once)
CHILD_TEST(never)
CHILD_TEST(ageing)
CHILD_TEST(records_go_last)
CHILD_TEST(reuse_rejuvenates)
CHILD_TEST(over_the_limit)
CHILD_TEST(refused)
CHILD_TEST(locked_page)
CHILD_TEST(bounded_calls)
CHILD_TEST(locked_ones_first)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_purge_all),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_ageing),
        cmocka_unit_test(test_records_go_last),
        cmocka_unit_test(test_reuse_rejuvenates),
        cmocka_unit_test(test_over_the_limit),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_locked_page),
        cmocka_unit_test(test_bounded_calls),
        cmocka_unit_test(test_locked_ones_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
