/* SPDX-License-Identifier: MIT */
/*
 * Tests of run/heap_advice.c on made-up figures of programs: each piece of advice for one that it
 * is right for, and not for one that looks alike and that it is wrong for.
 */
#include <string.h>

#include "parts.h"

#include "run/heap_advice.h"

#define LOOKS 80
#define MEBI ((uint64_t)1 << 20)

struct life {
    struct heap_facts facts;
    struct moment moments[LOOKS];
    struct class_bytes classes[LOOKS][CLASS_HUGE + 1];
    struct advice advice;
};

static unsigned class_of(size_t size)
{
    return size_class_of(size);
}

/* A look each 0.1 s; 100 MiB live in blocks of 1024 bytes, 10 MiB of others, nothing free. */
static struct life *begin(void **state)
{
    struct life *life = *state;
    memset(life, 0, sizeof *life);
    for (size_t i = 0; i < LOOKS; i++) {
        life->moments[i] = (struct moment){.at = 0.1 * (double)(i + 1),
                                           .rss = 110 * MEBI,
                                           .live = 100 * MEBI,
                                           .others = 10 * MEBI,
                                           .classes = life->classes[i]};
        life->classes[i][class_of(1024)].live = 100 * MEBI;
    }
    life->facts = (struct heap_facts){.moments = life->moments,
                                      .count = LOOKS,
                                      .threads = 4,
                                      .faults = 28000,
                                      .user_seconds = 2,
                                      .system_seconds = 0.05,
                                      .decay_ms = 1000,
                                      .caches_total_max = 16 * MEBI};
    return life;
}

/* Give the advice. The peak is the look with the most, where it was not set. */
static const struct advice *advise(struct life *life)
{
    for (size_t i = 0; i < LOOKS; i++)
        if (life->moments[i].rss > life->facts.peak.rss)
            life->facts.peak = life->moments[i];
    life->advice.count = 0;
    memset(life->advice.lines, 0, sizeof life->advice.lines);
    heap_advise(&life->facts, &life->advice);
    return &life->advice;
}

/* The only advice is this. */
static void expect(struct life *life, const char *line)
{
    const struct advice *advice = advise(life);
    for (size_t i = 0; i < advice->count; i++)
        if (advice->count > 1 || strcmp(advice->lines[i], line) != 0)
            print_message("got: %s\n", advice->lines[i]);
    CHECK_EQ(advice->count, 1);
    CHECK(strcmp(advice->lines[0], line) == 0);
}

static void expect_none(struct life *life)
{
    const struct advice *advice = advise(life);
    for (size_t i = 0; i < advice->count; i++)
        print_message("got: %s\n", advice->lines[i]);
    CHECK_EQ(advice->count, 0);
}

static void set_live(struct life *life, size_t look, uint64_t bytes, size_t size)
{
    struct moment *moment = &life->moments[look];
    unsigned size_class = size ? class_of(size) : CLASS_HUGE;
    moment->live = 100 * MEBI + bytes;
    moment->rss = moment->live + moment->others;
    life->classes[look][size_class].live = bytes + (size == 1024 ? 100 * MEBI : 0);
}

static void nothing_is_said_of_a_full_heap(void **state)
{
    expect_none(begin(state));
}

/* ---- Growth ---- */

static void who_grows_without_end_is_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i * MEBI, 64);
    expect(life, "Live memory grew to the end without levelling off: 140.0 MiB after 4.10 s, 170.0 "
                 "MiB after 7.10 s, 10.0 MiB a second. 30.0 MiB of that is in blocks of 64 bytes. "
                 "If the program no longer needs these blocks, freeing them saves up to 30.0 MiB "
                 "here, and 35.2 GiB for each hour that it runs on.");
}

static void a_leak_below_a_saw_is_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i * MEBI + i % 5 * 20 * MEBI, 0);
    const struct advice *advice = advise(life);
    CHECK_EQ(advice->count, 1);
    CHECK(strstr(advice->lines[0], "Live memory grew to the end"));
    CHECK(strstr(advice->lines[0], "is in Huge blocks"));
}

static void what_is_built_up_once_is_no_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++) /* until 60 % of the looks */
        set_live(life, i, (i < 48 ? i : 48) * MEBI, 1024);
    expect_none(life);
}

static void a_saw_is_no_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i % 13 * 10 * MEBI, 1024);
    expect_none(life);
    for (size_t i = 0; i < LOOKS; i++) /* two long teeth, of which the second is still growing */
        set_live(life, i, i % 45 * 4 * MEBI, 1024);
    expect_none(life);
}

static void few_looks_tell_no_growth(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        set_live(life, i, i * MEBI, 64);
    life->facts.count = 19;
    expect_none(life);
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
    expect(life, "From 6.10 s to the last look, at 8.00 s, at least 80.0 MiB was free inside slabs "
                 "that still held a live block, 73 % of what is resident at the end; most of it, "
                 "80.0 MiB, beside blocks of 1024 bytes, of which 20.0 % are live. Where blocks "
                 "that live long have a heap of their own (hak_heap_new), the rest can go back to "
                 "the kernel: up to 80.0 MiB less.");
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
    expect(life, "From 6.10 s to the last look, at 8.00 s, at least 16.0 MiB was in the caches of "
                 "4 threads, 15 % of what is resident at the end. HAKMEM_CACHES_TOTAL_MAX bounds "
                 "that (16.0 MiB now): with 4M, up to 12.0 MiB less, for more calls that miss the "
                 "cache.");
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

static void memory_that_waits_for_its_age_is_told(void **state)
{
    struct life *life = begin(state);
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].purgeable = 40 * MEBI;
    expect(life, "From 6.10 s to the last look, at 8.00 s, at least 40.0 MiB was free and kept for "
                 "reuse, 36 % of what is resident at the end. HAKMEM_DECAY_MS keeps it 1000 ms. "
                 "With 100, up to 40.0 MiB less, at the cost of a page fault where it is used "
                 "again.");
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
    for (size_t i = 0; i < LOOKS; i++)
        life->moments[i].purgeable = 40 * MEBI;
    life->facts.decay_ms = 0;
    expect_none(life);
}

static void pages_that_go_back_and_are_wanted_again_are_told(void **state)
{
    struct life *life = begin(state);
    life->facts.purged = 4000 * MEBI;
    life->facts.faults = 1052160; /* 28,160 first ones of 110 MiB, and 1,024,000 again */
    life->facts.system_seconds = 1.5;
    expect(life,
           "3.9 GiB were given back to the kernel, and up to 1024000 of the 1052160 page "
           "faults brought that memory back. HAKMEM_DECAY_MS is 1000: ten times as much keeps "
           "the memory, and saves up to 1.46 s of the 3.50 s of CPU time.");
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

static int set_up(void **state)
{
    *state = malloc(sizeof(struct life));
    return *state == NULL;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_said_of_a_full_heap),
        TEST(who_grows_without_end_is_told),
        TEST(a_leak_below_a_saw_is_growth),
        TEST(what_is_built_up_once_is_no_growth),
        TEST(a_saw_is_no_growth),
        TEST(few_looks_tell_no_growth),
        TEST(what_stays_free_beside_live_blocks_is_told),
        TEST(what_is_free_for_a_moment_is_used_again),
        TEST(caches_that_stay_full_are_told),
        TEST(caches_that_come_and_go_are_not),
        TEST(memory_that_waits_for_its_age_is_told),
        TEST(memory_that_waits_for_a_moment_is_not),
        TEST(pages_that_go_back_and_are_wanted_again_are_told),
        TEST(faults_without_a_purge_are_not_decay),
        TEST(memory_of_others_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
