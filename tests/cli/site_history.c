/* SPDX-License-Identifier: MIT */
/*
 * Tests of the live bytes of stacks over time, as the page of a run shows them: bounds that hold
 * for any number of looks and stacks, and which stacks are said never to have stopped growing.
 */
#include "parts.h"

#include <string.h>

#include "base/advice.h"
#include "run/site_history.h"
#include "run/stack_growth.h"

#define SITES 20000

static uint64_t words[SITES + 1];
static struct site_view sites[SITES];

/* A profile of sites with one frame each, at different places of the store. */
static struct profile_view profile_of(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sites[i].frames = &words[i + 1];
        sites[i].depth = 1;
    }
    return (struct profile_view){
        .interval = 512 << 10, .sites = sites, .site_count = count, .stacks = words};
}

static const struct site_series *series_of(const struct site_history *history, uint64_t stack,
                                           uint32_t label)
{
    for (size_t i = 0; i < history->series_count; i++)
        if (history->series[i].stack == stack && history->series[i].label == label)
            return &history->series[i];
    return NULL;
}

static void it_keeps_the_whole_time_in_few_looks(void **state)
{
    static struct site_history history;
    struct profile_view copied = profile_of(2);
    (void)state;
    for (int i = 1; i <= 10000; i++) {
        sites[0].live_bytes = (uint64_t)i * 1000;
        sites[1].live_bytes = i > 5000 ? 1 << 20 : 0; /* it comes later */
        site_history_add(&history, &copied, i);
        CHECK(history.count <= HISTORY_LOOKS);
    }
    CHECK(history.count >= HISTORY_LOOKS / 2);
    CHECK(history.at[0] < 200 && history.at[history.count - 1] > 9800);
    const struct site_series *first = series_of(&history, 1, 0);
    const struct site_series *second = series_of(&history, 2, 0);
    CHECK(first && second && history.series_count == 2);
    for (size_t i = 0; i < history.count; i++) {
        CHECK(i == 0 || history.at[i] > history.at[i - 1]);
        CHECK_EQ(first->bytes[i], (uint64_t)history.at[i] * 1000);
        CHECK_EQ(second->bytes[i], history.at[i] > 5000 ? 1 << 20 : 0);
    }
    CHECK(site_history_site(second, &copied) == &sites[1]);
    site_history_free(&history);
    memset(sites, 0, sizeof sites);
}

static void it_tells_labels_apart(void **state)
{
    static struct site_history history;
    struct profile_view copied = profile_of(3);
    (void)state;
    sites[1].frames = sites[0].frames;
    sites[1].label = 7;
    sites[2].frames = NULL; /* a stack that was not kept */
    for (unsigned i = 0; i < 3; i++)
        sites[i].live_bytes = (i + 1) * 1000;
    site_history_add(&history, &copied, 1);
    CHECK_EQ(series_of(&history, 1, 0)->bytes[0], 1000);
    CHECK_EQ(series_of(&history, 1, 7)->bytes[0], 2000);
    CHECK_EQ(series_of(&history, 0, 0)->bytes[0], 3000);
    CHECK(site_history_site(series_of(&history, 1, 7), &copied) == &sites[1]);
    site_history_free(&history);
    memset(sites, 0, sizeof sites);
}

static void it_forgets_small_stacks(void **state)
{
    static struct site_history history;
    (void)state;
    /* each look has 500 others, and one that always grows */
    for (size_t look = 0; look < 40; look++) {
        struct profile_view copied = profile_of(SITES);
        for (size_t i = 0; i < SITES; i++)
            sites[i].live_bytes = i / 500 == look ? 100 : 0;
        sites[SITES - 1].live_bytes = 1000 + look;
        site_history_add(&history, &copied, (double)look);
        CHECK(history.series_count <= HISTORY_SITES);
    }
    const struct site_series *large = series_of(&history, SITES, 0);
    CHECK(large != NULL);
    for (size_t i = 0; i < history.count; i++)
        CHECK_EQ(large->bytes[i], 1000 + i);
    /* hundreds of the newest are there: the oldest of the small ones made room */
    CHECK(series_of(&history, 39 * 500 + 1, 0) != NULL);
    site_history_free(&history);
    memset(sites, 0, sizeof sites);
}

/* The lines of advice on the history of the first sites, which `bytes` makes. */
static size_t lines_on(uint64_t (*bytes)(unsigned site, unsigned look), unsigned count,
                       struct advice *advice)
{
    static struct stack_looks looks;
    memset(advice, 0, sizeof *advice);
    looks.profile.view = profile_of(count);
    looks.has_profile = true;
    for (unsigned look = 0; look < 100; look++) {
        for (unsigned i = 0; i < count; i++)
            sites[i].live_bytes = bytes(i, look);
        site_history_add(&looks.history, &looks.profile.view, look / 2.0);
    }
    stack_growth_advise(&looks, advice);
    site_history_free(&looks.history);
    memset(sites, 0, sizeof sites);
    memset(&looks, 0, sizeof looks);
    return advice->count;
}

static uint64_t one_leaks(unsigned site, unsigned look)
{
    return site == 1 ? look * MIB : 300 * MIB;
}

static uint64_t all_leak(unsigned site, unsigned look)
{
    return (site + 1) * look * MIB;
}

static uint64_t cache_fills(unsigned site, unsigned look)
{
    (void)site;
    return (look < 40 ? look : 40) * MIB;
}

static uint64_t comes_and_goes(unsigned site, unsigned look)
{
    (void)site;
    return look % 30 * MIB;
}

/* Four samples more: that may be chance. */
static uint64_t hardly(unsigned site, unsigned look)
{
    (void)site;
    return 100 * MIB + look / 25 * (MIB / 2);
}

static void it_warns_of_stacks_that_never_stop(void **state)
{
    struct advice advice;
    (void)state;
    CHECK_EQ(lines_on(one_leaks, 3, &advice), 1);
    CHECK(strstr(advice.lines[0], " never stopped growing: from ") != NULL);
    CHECK(strstr(advice.lines[0], " MiB at 49.50 s, 120.0 MiB a minute.") != NULL);
    /* the three that grew most */
    CHECK_EQ(lines_on(all_leak, 6, &advice), 3);
    CHECK(strstr(advice.lines[0], ", 720.0 MiB a minute.") != NULL);
    CHECK(strstr(advice.lines[2], ", 480.0 MiB a minute.") != NULL);
    CHECK_EQ(lines_on(cache_fills, 2, &advice), 0);
    CHECK_EQ(lines_on(comes_and_goes, 2, &advice), 0);
    CHECK_EQ(lines_on(hardly, 1, &advice), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_whole_time_in_few_looks),
        cmocka_unit_test(it_tells_labels_apart),
        cmocka_unit_test(it_forgets_small_stacks),
        cmocka_unit_test(it_warns_of_stacks_that_never_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
