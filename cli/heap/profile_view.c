/* SPDX-License-Identifier: MIT */
/*
 * Copies a heap profile: the head, the used part of the store of stacks, and the slots of the table
 * of sites that lie in memory which the target really has. Nothing that is read is believed, and
 * the target cannot make a loop endless.
 */
#include "heap/profile_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "heap/process.h"
#include "heap/profile_samples.h"
#include "heap/residency.h"
#include "heap/target_read.h"

/* The largest tables that the library makes, with the highest value of HAKMEM_PROFILE_MEMORY. */
#define STORE_BYTES_MAX ((uint64_t)8 << 30)
#define SITE_SLOTS_MAX ((uint32_t)1 << 23)
/* The slots of a store take at most 1 / this number of it. */
#define SLOTS_SHARE 16
/* Larger figures are wrong: 64 PiB, and as many blocks. */
#define BYTES_MAX ((uint64_t)1 << 56)
#define COUNT_MAX ((uint64_t)1 << 62)
/* Slots that are read at a time. */
#define CHUNK_SLOTS ((size_t)512)
/* The store may grow by this much while it is copied. */
#define GROWTH ((uint64_t)1 << 20)

#define WORD sizeof(uint64_t)
#define RECORD_WORDS (sizeof(struct stack_record) / WORD)

/* ---- stacks ---- */

/* Purpose: the copy of a store. Invariant: `words` holds the first `used` bytes of it. */
struct store_copy {
    uint64_t *words;
    uint64_t used;
    uint64_t first;
};

static bool is_store_plausible(const union seen_stack_store *store, uint64_t used)
{
    return store->magic == STACK_STORE_MAGIC && store->size >= STACK_STORE_MIN &&
           store->size <= STORE_BYTES_MAX && store->first >= sizeof *store &&
           store->first <= sizeof *store + store->size / SLOTS_SHARE + WORD &&
           store->first <= used && used <= store->size;
}

static bool read_store(struct target *target, uint64_t address, struct store_copy *copy)
{
    union seen_stack_store store;
    if (address % WORD || address >= TARGET_ADDRESS_END - STORE_BYTES_MAX ||
        !target_read(target, address, &store, sizeof store))
        return target_fail_damaged(target, "its profile has no stacks");
    copy->used = atomic_load(&store.used) / WORD * WORD;
    copy->first = store.first;
    if (!is_store_plausible(&store, copy->used))
        return target_fail_damaged(target, "the stacks of its profile make no sense");
    /* pages that nothing has been written to yet are among the slots: 1/16 of all */
    uint64_t own = target_own_bytes(target, address, address + copy->used);
    if (copy->used > own + copy->first + GROWTH)
        return target_fail_damaged(target, "its profile names more stacks than it has memory for");
    copy->words = memory_resize(NULL, copy->used / WORD, WORD);
    return target_read(target, address, copy->words, copy->used) ||
           target_fail_named(target, "its profile cannot be read");
}

/* The frames of the stack with this number; NULL: there is no such stack. */
static const uint64_t *find_stack(const struct store_copy *copy, uint32_t number, uint32_t *depth)
{
    uint64_t words = copy->used / WORD;
    struct stack_record record;
    if (number < copy->first / WORD || number + RECORD_WORDS > words)
        return NULL;
    memcpy(&record, copy->words + number, sizeof record);
    const uint64_t *frames = copy->words + number + RECORD_WORDS;
    *depth = record.depth;
    if (record.depth == 0 || record.depth > STACK_DEPTH_MAX ||
        number + RECORD_WORDS + record.depth > words ||
        stack_hash(frames, record.depth) != record.hash)
        return NULL;
    return frames;
}

/* ---- sites ---- */

static uint64_t figure(struct profile_view *copied, uint64_t value, uint64_t most)
{
    if (value <= most)
        return value;
    copied->implausible++;
    return 0;
}

static double count_of(struct profile_view *copied, uint64_t value)
{
    return (double)figure(copied, value, COUNT_MAX) / SAMPLING_ONE;
}

static uint64_t bytes_of(struct profile_view *copied, uint64_t value)
{
    return figure(copied, value, BYTES_MAX);
}

/* A site that has not changed since the peak has no figures of its own for it. */
static void add_site(struct profile_view *copied, const struct store_copy *stacks,
                     const union seen_profile_site *slot, uint32_t index)
{
    bool is_of_peak = atomic_load(&slot->peak_epoch) == copied->peak_epoch;
    uint32_t depth = 0;
    uint32_t number = atomic_load(&slot->stack);
    const uint64_t *frames = find_stack(stacks, number, &depth);
    if (!frames && number != PROFILE_NO_STACK) {
        copied->implausible++;
        return;
    }
    if ((copied->site_count & (copied->site_count - 1)) == 0)
        copied->sites = memory_resize(
            copied->sites, copied->site_count ? 2 * copied->site_count : 1, sizeof *copied->sites);
    struct site_view *site = &copied->sites[copied->site_count++];
    *site = (struct site_view){
        .slot = index,
        .label = slot->label,
        .depth = frames ? depth : 0,
        .frames = frames,
        .alloc_count = count_of(copied, atomic_load(&slot->alloc_count)),
        .live_count = count_of(copied, atomic_load(&slot->live_count)),
        .peak_count = count_of(copied,
                               atomic_load(is_of_peak ? &slot->peak_count : &slot->live_count)),
        .alloc_bytes = bytes_of(copied, atomic_load(&slot->alloc_bytes)),
        .live_bytes = bytes_of(copied, atomic_load(&slot->live_bytes)),
        .peak_bytes = bytes_of(copied,
                               atomic_load(is_of_peak ? &slot->peak_bytes : &slot->live_bytes)),
        .requested_bytes = bytes_of(copied, atomic_load(&slot->requested_bytes)),
    };
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++)
        site->lifetimes[i] = atomic_load(&slot->lifetimes[i]);
}

/* Memory that the target does not have is taken to hold no sites. So a table that the target only
 * claims to have costs no more than a look at its pages. */
static bool read_sites(struct profile_view *copied, struct target *target, uint64_t address,
                       uint32_t slots, const struct store_copy *stacks)
{
    static union seen_profile_site chunk[CHUNK_SLOTS];
    if (address % WORD || slots > SITE_SLOTS_MAX ||
        address >= TARGET_ADDRESS_END - sizeof chunk[0] * (uint64_t)SITE_SLOTS_MAX)
        return target_fail_damaged(target, "the table of its profile makes no sense");
    for (uint32_t at = 0; at < slots; at += CHUNK_SLOTS) {
        size_t count = slots - at < CHUNK_SLOTS ? slots - at : CHUNK_SLOTS;
        uint64_t start = address + (uint64_t)at * sizeof chunk[0];
        uint64_t first_page = start / TARGET_PAGE * TARGET_PAGE;
        if (target_own_bytes(target, first_page, start + count * sizeof chunk[0]) == 0)
            continue;
        count = target_read_part(target, start, chunk, count * sizeof chunk[0]) / sizeof chunk[0];
        for (size_t i = 0; i < count; i++)
            if (atomic_load(&chunk[i].stack) != 0)
                add_site(copied, stacks, &chunk[i], at + (uint32_t)i);
    }
    return true;
}

/* ---- the whole ---- */

static uint64_t end_of(const union seen_profile *head)
{
    return (uintptr_t)head->samples + (uint64_t)head->sample_slots * PROFILE_SAMPLE_BYTES;
}

static bool read_profile(struct profile_view *copied, struct target *target, uint64_t address)
{
    union seen_profile head;
    union seen_stack_store store;
    struct store_copy stacks = {0};
    if (!target_read(target, address, &head, sizeof head))
        return target_fail_named(target, target->is_core ? "it does not hold the heap's data"
                                                         : "its heap cannot be read");
    if (head.started_ms == 0 || !head.stacks || !head.sites)
        return target_fail_named(target, "profiling is not on in it: see hakmem profile --for, or "
                                         "start it with HAKMEM_PROFILE=1");
    copied->clients = atomic_load(&head.is_on);
    copied->is_on = copied->clients != 0;
    copied->interval = atomic_load(&head.interval);
    copied->peak_epoch = atomic_load(&head.peak_epoch);
    copied->started_ms = head.started_ms;
    copied->started_at_ms = head.started_at_ms;
    copied->memory_start = (uintptr_t)head.stacks;
    copied->memory_end = end_of(&head);
    /* the samples first: then the site of each sample is there when the sites are read */
    if (!profile_samples_read(copied, target, (uintptr_t)head.samples, head.sample_slots))
        return false;
    bool is_read = read_store(target, (uintptr_t)head.stacks, &stacks);
    copied->stacks = stacks.words;
    if (!is_read || !read_sites(copied, target, (uintptr_t)head.sites, head.site_slots, &stacks))
        return false;
    profile_samples_join(copied);
    memcpy(&store, stacks.words, sizeof store);
    copied->dropped = bytes_of(copied, atomic_load(&head.dropped_sites)) +
                      bytes_of(copied, atomic_load(&head.dropped_samples)) +
                      bytes_of(copied, atomic_load(&store.dropped_full));
    return true;
}

bool profile_view_open(struct profile_view *copied, struct heap_view *view)
{
    *copied = (struct profile_view){0};
    bool is_good = read_profile(copied, view->target, (uintptr_t)view->root.profile);
    if (view->target->is_gone)
        is_good = process_explain(view->target, ESRCH);
    if (!is_good)
        profile_view_close(copied);
    return is_good;
}

void profile_view_close(struct profile_view *copied)
{
    free(copied->sites);
    free(copied->samples);
    free(copied->stacks);
    *copied = (struct profile_view){0};
}

void profile_view_memory(const struct heap_view *view, uint64_t *start, uint64_t *end)
{
    union seen_profile head;
    *start = *end = 0;
    if (!view->root.profile ||
        !target_read(view->target, (uintptr_t)view->root.profile, &head, sizeof head) ||
        head.started_ms == 0 || end_of(&head) < (uintptr_t)head.stacks)
        return;
    *start = (uintptr_t)head.stacks;
    *end = end_of(&head);
}

bool profile_view_clients(const struct heap_view *view, unsigned *clients, bool *has_profile)
{
    union seen_profile head;
    if (!target_read(view->target, (uintptr_t)view->root.profile, &head, sizeof head))
        return process_explain(view->target, ESRCH);
    *clients = atomic_load(&head.is_on);
    *has_profile = head.started_ms != 0;
    return true;
}

/* ---- the difference of two copies ---- */

static bool is_same_site(const struct site_view *a, const struct site_view *b)
{
    return a->label == b->label && a->depth == b->depth &&
           (a->depth == 0 || memcmp(a->frames, b->frames, a->depth * WORD) == 0);
}

/* The target may write anything at any time, so a figure may have become smaller. */
static uint64_t minus(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static void subtract_site(struct site_view *site, const struct site_view *before)
{
    double count = site->alloc_count - before->alloc_count;
    site->alloc_count = count > 0 ? count : 0;
    site->alloc_bytes = minus(site->alloc_bytes, before->alloc_bytes);
    site->requested_bytes = minus(site->requested_bytes, before->requested_bytes);
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++)
        site->lifetimes[i] = (uint32_t)minus(site->lifetimes[i], before->lifetimes[i]);
}

/* Both are in the order of the table, in which no site ever moves, so one walk finds all. */
void profile_view_subtract(struct profile_view *copied, const struct profile_view *earlier)
{
    size_t at = 0;
    for (size_t i = 0; i < copied->site_count && at < earlier->site_count; i++)
        if (is_same_site(&copied->sites[i], &earlier->sites[at]))
            subtract_site(&copied->sites[i], &earlier->sites[at++]);
}
