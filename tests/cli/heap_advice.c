/* SPDX-License-Identifier: MIT */
/*
 * Tests of run/heap_advice.c on made-up figures of programs: each piece of advice for one that it
 * is right for, and not for one that looks alike and that it is wrong for.
 */
#include "life.h"

static void nothing_is_said_of_a_full_heap(void **state)
{
    expect_none(begin(state));
}

/* ---- Fragmentation ---- */

static void set_pinned(struct life *life, size_t look, uint64_t bytes)
{
    life->moments[look].pinned = bytes;
    life->moments[look].live -= bytes;
    life->classes[look][class_of(1024)] = (struct class_bytes){life->moments[look].live, bytes};
}

static void what_stays_free_beside_live_blocks_is_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 30; i < LOOKS; i++)
        set_pinned(life, i, 80 * MEBI);
    expect(life, "From 3.10 s to 8.00 s, at least 80.0 MiB, 73 % of what was resident, was free "
                 "inside slabs that still held a live block; most of it, 80.0 MiB, beside blocks "
                 "of 1024 bytes. Of these blocks, 20.0 % were live. If long-lived blocks come from "
                 "an owned heap (hak_heap_new), the rest can go back to the kernel: up to 80.0 MiB "
                 "less.");
}

static void it_is_told_although_all_is_free_in_the_end(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 20; i < 60; i++)
        set_pinned(life, i, (i % 2 ? 80 : 84) * MEBI);
    for (size_t i = 60; i < LOOKS; i++)
        life->moments[i].rss = 20 * MEBI, life->moments[i].live = 10 * MEBI;
    CHECK_EQ(advise(life)->count, 1);
    CHECK(strstr(life->advice.lines[0], "From 2.10 s to 6.00 s, at least 80.0 MiB, 73 % of what "));
}

static void what_was_free_before_the_program_grew_is_not(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < 30; i++) {
        life->moments[i].rss = 30 * MEBI;
        life->moments[i].live = 20 * MEBI;
        life->moments[i].pinned = 10 * MEBI;
    }
    expect_none(life);
}

static void less_than_a_quarter_of_the_run_is_not_enough(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 30; i < 50; i++) /* 1.9 of 8.0 seconds */
        set_pinned(life, i, 80 * MEBI);
    expect_none(life);
    set_pinned(life, 50, 80 * MEBI);
    CHECK_EQ(advise(life)->count, 1);
    /* the rarer the looks, the longer it takes: time counts */
    begin(state);
    for (size_t i = 30; i < LOOKS; i++)
        life->moments[i].at = 3 + 1.0 * (double)(i - 30);
    for (size_t i = 0; i < 30; i++)
        set_pinned(life, i, 80 * MEBI);
    expect_none(life);
}

static void what_is_free_for_a_moment_is_used_again(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        if (i % 8) /* nearly always much, but used again and again */
            set_pinned(life, i, 80 * MEBI);
    expect_none(life);
    begin(state);
    set_pinned(life, LOOKS - 1, 80 * MEBI); /* at the end only */
    expect_none(life);
    begin(state);
    for (size_t i = 0; i < LOOKS; i++) /* little */
        set_pinned(life, i, 8 * MEBI);
    expect_none(life);
}

/* ---- Caches ---- */

static void caches_that_stay_full_are_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++) {
        life->moments[i].cached = 16 * MEBI;
        life->moments[i].live = 84 * MEBI;
    }
    expect(life, "From 0.10 s to 8.00 s, at least 16.0 MiB, 15 % of what was resident, was in the "
                 "caches of 4 threads. HAKMEM_CACHES_TOTAL_MAX bounds that (16.0 MiB now): with "
                 "4M, up to 12.0 MiB less, for more calls that miss the cache.");
    for (size_t i = 60; i < LOOKS; i++) /* the threads end before the program does */
        life->moments[i].cached = 0, life->moments[i].rss = 94 * MEBI;
    CHECK(strstr(advise(life)->lines[0], "From 0.10 s to 6.00 s, at least 16.0 MiB"));
}

static void caches_that_come_and_go_are_not(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].cached = i % 4 ? 16 * MEBI : MEBI;
    expect_none(life);
    /* bounded already */
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].cached = 12 * MEBI;
    life->facts.caches_total_max = MEBI;
    expect_none(life);
}

/* ---- Decay ---- */

static void set_purgeable(struct life *life, size_t from, uint64_t bytes)
{
    for (size_t i = from; i < LOOKS; i++)
        life->moments[i].purgeable = bytes;
}

static void memory_that_is_kept_beyond_its_age_is_told(void **state)
{
    struct life *life = begin(state);
    set_purgeable(life, 0, 40 * MEBI);
    expect(life, "From 0.10 s to 8.00 s, at least 40.0 MiB, 36 % of what was resident, was free "
                 "and kept for reuse. Only calls of free give memory back, and they keep a part of "
                 "it, of any age. With HAKMEM_BACKGROUND=1, a helper thread gives back all memory "
                 "that has been free for 1000 ms (HAKMEM_DECAY_MS): up to 40.0 MiB less, at the "
                 "cost of a page fault where it is used again.");
}

static void it_is_not_where_the_helper_runs_or_is_not_worth_it(void **state)
{
    struct life *life = begin(state);
    set_purgeable(life, 0, 40 * MEBI);
    life->facts.has_helper = true;
    expect_none(life);
    begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].rss = 9 * MEBI, life->moments[i].live = 2 * MEBI;
    set_purgeable(life, 0, 3 * MEBI);
    life->moments[0].others = 0;
    life->facts.peak.rss = 9 * MEBI;
    expect_none(life);
}

static void memory_that_is_to_be_kept_for_long_is_told(void **state)
{
    struct life *life = begin(state);
    set_purgeable(life, 0, 40 * MEBI);
    life->facts.decay_ms = 3600000;
    expect(life, "From 0.10 s to 8.00 s, at least 40.0 MiB, 36 % of what was resident, was free "
                 "and kept for reuse. HAKMEM_DECAY_MS keeps it 3600000 ms. With "
                 "HAKMEM_DECAY_MS=1000 and HAKMEM_BACKGROUND=1, up to 40.0 MiB less, at the cost "
                 "of a page fault where it is used again.");
    life->facts.has_helper = true;
    CHECK(strstr(advise(life)->lines[0], "With HAKMEM_DECAY_MS=1000, up to 40.0 MiB less"));
    life->facts.decay_ms = -1;
    CHECK(
        strstr(advise(life)->lines[0], "HAKMEM_DECAY_MS is -1: it never goes back to the kernel"));
}

static void memory_that_waits_for_a_moment_is_not(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].purgeable = i % 6 ? 40 * MEBI : 0;
    expect_none(life);
    /* it goes back at once as it is */
    set_purgeable(life, 0, 40 * MEBI);
    life->facts.decay_ms = 0;
    expect_none(life);
    /* a short run, in which it was not yet old */
    begin(state);
    set_purgeable(life, 0, 40 * MEBI);
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].at /= 10;
    expect_none(life);
}

static void pages_that_go_back_and_are_wanted_again_are_told(void **state)
{
    struct life *life = begin(state);
    life->facts.purged = 4000 * MEBI;
    life->facts.faults = 1052160; /* 28,160 first ones of 110 MiB, and 1,024,000 again */
    life->facts.system_seconds = 1.5;
    expect(life, "3.9 GiB were given back to the kernel, and up to 1024000 of the 1052160 page "
                 "faults brought that memory back. HAKMEM_DECAY_MS is 1000: with 10000, memory is "
                 "kept for longer, which saves up to 1.46 s of the 3.50 s of CPU time.");
    life->facts.decay_ms = 0;
    CHECK(strstr(advise(life)->lines[0], "HAKMEM_DECAY_MS is 0: with 1000, memory"));
}

static void to_keep_longer_and_to_give_back_are_not_both_told(void **state)
{
    struct life *life = begin(state);
    life->facts.purged = 4000 * MEBI;
    life->facts.faults = 1052160;
    life->facts.system_seconds = 1.5;
    set_purgeable(life, 40, 40 * MEBI);
    CHECK_EQ(advise(life)->count, 1);
    CHECK(strstr(life->advice.lines[0], "With HAKMEM_BACKGROUND=1, a helper thread"));
}

static void faults_without_a_purge_are_not_decay(void **state)
{
    struct life *life = begin(state);
    life->facts.faults = 2000000;
    life->facts.system_seconds = 3;
    expect_none(life);
    /* purged, and never wanted again: all faults were first ones */
    begin(state);
    life->moments[0].rss = 4000 * MEBI;
    life->facts.faults = 1024000;
    life->facts.purged = 3900 * MEBI;
    life->facts.system_seconds = 3;
    expect_none(life);
    /* a limit gives memory back whatever its age */
    begin(state);
    life->facts.purged = 4000 * MEBI;
    life->facts.faults = 1052160;
    life->facts.system_seconds = 1.5;
    life->facts.limit = 120 * (int64_t)MEBI;
    expect_none(life);
}

/* ---- Others ---- */

static void memory_of_others_is_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].rss += 290 * MEBI, life->moments[i].others += 290 * MEBI;
    expect(life, "300.0 MiB, 75 % of the peak, is not the heap's: code, stacks, static data, and "
                 "what the program maps itself, as for an allocator of its own. No malloc can save "
                 "more than the other 100.0 MiB.");
    begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].rss += 50 * MEBI, life->moments[i].others += 50 * MEBI;
    expect_none(life);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_said_of_a_full_heap),
        TEST(what_stays_free_beside_live_blocks_is_told),
        TEST(it_is_told_although_all_is_free_in_the_end),
        TEST(what_was_free_before_the_program_grew_is_not),
        TEST(less_than_a_quarter_of_the_run_is_not_enough),
        TEST(what_is_free_for_a_moment_is_used_again),
        TEST(caches_that_stay_full_are_told),
        TEST(caches_that_come_and_go_are_not),
        TEST(memory_that_is_kept_beyond_its_age_is_told),
        TEST(it_is_not_where_the_helper_runs_or_is_not_worth_it),
        TEST(memory_that_is_to_be_kept_for_long_is_told),
        TEST(memory_that_waits_for_a_moment_is_not),
        TEST(pages_that_go_back_and_are_wanted_again_are_told),
        TEST(to_keep_longer_and_to_give_back_are_not_both_told),
        TEST(faults_without_a_purge_are_not_decay),
        TEST(memory_of_others_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
