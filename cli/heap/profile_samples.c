/* SPDX-License-Identifier: MIT */
/*
 * Copies the live samples of a heap profile. It reads only slots of the table that lie in memory
 * which the target really has.
 */
#include "heap/profile_samples.h"

#include <stdlib.h>

#include "base/memory.h"
#include "heap/residency.h"
#include "heap/target_read.h"

/* More than the library ever makes. */
#define SAMPLE_SLOTS_MAX ((uint32_t)1 << 28)
/* A weight or size above is wrong. */
#define WEIGHT_MAX ((uint64_t)1 << 56)
/* Slots that are read at a time. */
#define CHUNK_SLOTS ((size_t)4096)

static void add_sample(struct profile_view *copied, const union seen_profile_sample *slot)
{
    uint64_t address = atomic_load(&slot->address);
    if (address >= TARGET_ADDRESS_END || slot->weight_256 > WEIGHT_MAX || slot->size > WEIGHT_MAX) {
        copied->implausible++;
        return;
    }
    if ((copied->sample_count & (copied->sample_count - 1)) == 0)
        copied->samples = memory_resize(copied->samples,
                                        copied->sample_count ? 2 * copied->sample_count : 1,
                                        sizeof *copied->samples);
    copied->samples[copied->sample_count++] = (struct sample_view){
        .address = address,
        .size = slot->size,
        .requested = slot->requested < slot->size ? slot->requested : slot->size,
        .weight = (double)slot->weight_256 / SAMPLING_ONE,
        .at_ms = slot->at_ms,
        .thread = slot->thread,
        .site = slot->site,
    };
}

static int compare_samples(const void *a, const void *b)
{
    uint64_t left = ((const struct sample_view *)a)->address;
    uint64_t right = ((const struct sample_view *)b)->address;
    return (left > right) - (left < right);
}

/* Keep each address once: a block that is freed and sampled again while the table is read may be
 * there twice. */
static void sort_samples(struct profile_view *copied)
{
    size_t kept = 0;
    if (copied->sample_count > 0)
        qsort(copied->samples, copied->sample_count, sizeof *copied->samples, compare_samples);
    for (size_t i = 0; i < copied->sample_count; i++)
        if (kept == 0 || copied->samples[i].address != copied->samples[kept - 1].address)
            copied->samples[kept++] = copied->samples[i];
    copied->sample_count = kept;
}

/* As with the sites: memory that the target does not have is taken to hold no samples. */
bool profile_samples_read(struct profile_view *copied, struct target *target, uint64_t address,
                          uint32_t slots)
{
    static union seen_profile_sample chunk[CHUNK_SLOTS];
    if (address % sizeof(uint64_t) || slots > SAMPLE_SLOTS_MAX ||
        address >= TARGET_ADDRESS_END - sizeof chunk[0] * (uint64_t)SAMPLE_SLOTS_MAX)
        return target_fail_damaged(target, "the samples of its profile make no sense");
    for (uint32_t at = 0; at < slots; at += CHUNK_SLOTS) {
        size_t count = slots - at < CHUNK_SLOTS ? slots - at : CHUNK_SLOTS;
        uint64_t start = address + (uint64_t)at * sizeof chunk[0];
        uint64_t first_page = start / TARGET_PAGE * TARGET_PAGE;
        if (target_own_bytes(target, first_page, start + count * sizeof chunk[0]) == 0)
            continue;
        count = target_read_part(target, start, chunk, count * sizeof chunk[0]) / sizeof chunk[0];
        for (size_t i = 0; i < count; i++)
            if (atomic_load(&chunk[i].address) != 0)
                add_sample(copied, &chunk[i]);
    }
    sort_samples(copied);
    return true;
}

static int compare_slots(const void *key, const void *site)
{
    uint32_t left = *(const uint32_t *)key;
    uint32_t right = ((const struct site_view *)site)->slot;
    return (left > right) - (left < right);
}

void profile_samples_join(struct profile_view *copied)
{
    for (size_t i = 0; i < copied->sample_count; i++) {
        struct sample_view *sample = &copied->samples[i];
        const struct site_view *site = NULL;
        if (copied->site_count > 0)
            site = bsearch(&sample->site, copied->sites, copied->site_count, sizeof *copied->sites,
                           compare_slots);
        sample->site = site ? (uint32_t)(site - copied->sites) : SAMPLE_NO_SITE;
    }
}

const struct sample_view *profile_samples_find(const struct profile_view *copied, uint64_t address)
{
    const struct sample_view key = {.address = address};
    if (copied->sample_count == 0)
        return NULL;
    return bsearch(&key, copied->samples, copied->sample_count, sizeof key, compare_samples);
}
