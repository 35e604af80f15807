/* SPDX-License-Identifier: MIT */
/*
 * Keeps the live bytes of the stacks that have a certain share of the heap.
 */
#include "run/site_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A stack with less of the live memory than this is not remembered. */
#define LEAST_SHARE 0.0005

/* 0: the stack was not kept. */
static uint64_t key_of(const struct site_view *site, const struct profile_view *copied)
{
    return site->frames ? (uint64_t)(site->frames - copied->stacks) : 0;
}

static uint32_t *find_slot(struct site_history *history, uint64_t stack, uint32_t label)
{
    const size_t mask = 2 * HISTORY_SITES - 1;
    size_t at = (size_t)((stack * 31 + label) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (history->slots[at] != 0) {
        const struct site_series *series = &history->series[history->slots[at] - 1];
        if (series->stack == stack && series->label == label)
            break;
        at = (at + 1) & mask;
    }
    return &history->slots[at];
}

static int compare_most(const void *a, const void *b)
{
    uint64_t left = ((const struct site_series *)a)->most;
    uint64_t right = ((const struct site_series *)b)->most;
    return (left < right) - (left > right);
}

/* Forget half of the stacks: those whose largest live bytes were the smallest. */
static void forget_smallest(struct site_history *history)
{
    qsort(history->series, history->series_count, sizeof *history->series, compare_most);
    history->series_count /= 2;
    memset(history->slots, 0, sizeof history->slots);
    for (size_t i = 0; i < history->series_count; i++)
        *find_slot(history, history->series[i].stack, history->series[i].label) = (uint32_t)i + 1;
}

static struct site_series *add_series(struct site_history *history, uint64_t stack, uint32_t label)
{
    if (history->series_count == HISTORY_SITES)
        forget_smallest(history);
    if ((history->series_count & (history->series_count - 1)) == 0)
        history->series = memory_resize(history->series,
                                        history->series_count ? 2 * history->series_count : 1,
                                        sizeof *history->series);
    struct site_series *series = &history->series[history->series_count++];
    *series = (struct site_series){.stack = stack, .label = label};
    *find_slot(history, stack, label) = (uint32_t)history->series_count;
    return series;
}

/* Keep every second look. */
static void halve(struct site_history *history)
{
    history->count = HISTORY_LOOKS / 2;
    history->per_look *= 2;
    for (size_t i = 0; i < history->count; i++)
        history->at[i] = history->at[2 * i + 1];
    for (size_t i = 0; i < history->series_count; i++)
        for (size_t j = 0; j < history->count; j++)
            history->series[i].bytes[j] = history->series[i].bytes[2 * j + 1];
}

static void add_sites(struct site_history *history, const struct profile_view *copied)
{
    double sum = 0;
    for (size_t i = 0; i < copied->site_count; i++)
        sum += (double)copied->sites[i].live_bytes;
    for (size_t i = 0; i < copied->site_count; i++) {
        const struct site_view *site = &copied->sites[i];
        uint64_t stack = key_of(site, copied);
        uint32_t slot = *find_slot(history, stack, site->label);
        if (slot == 0 && (double)site->live_bytes < LEAST_SHARE * sum)
            continue;
        struct site_series *series = slot ? &history->series[slot - 1]
                                          : add_series(history, stack, site->label);
        series->bytes[history->count - 1] += site->live_bytes;
        if (series->bytes[history->count - 1] > series->most)
            series->most = series->bytes[history->count - 1];
    }
}

void site_history_add(struct site_history *history, const struct profile_view *copied, double at)
{
    if (history->per_look == 0)
        history->per_look = 1;
    if (++history->since < history->per_look)
        return;
    history->since = 0;
    if (history->count == HISTORY_LOOKS)
        halve(history);
    history->at[history->count++] = at;
    for (size_t i = 0; i < history->series_count; i++)
        history->series[i].bytes[history->count - 1] = 0;
    add_sites(history, copied);
}

const struct site_view *site_history_site(const struct site_series *series,
                                          const struct profile_view *copied)
{
    for (size_t i = 0; i < copied->site_count; i++)
        if (copied->sites[i].label == series->label &&
            key_of(&copied->sites[i], copied) == series->stack)
            return &copied->sites[i];
    return NULL;
}

void site_history_free(struct site_history *history)
{
    free(history->series);
    *history = (struct site_history){.count = 0};
}
