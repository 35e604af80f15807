/* SPDX-License-Identifier: MIT */
/*
 * The end of the warm pool: slabs that have been free and backed by pages for the decay time are
 * purged, in batches and outside the lock. Time is counted in epochs of a quarter of the decay
 * time; slow paths above call decay_poll. Relies on superslab.c for masks and lists.
 */
#include "slab/space.h"

#define EPOCHS_PER_DECAY 4
/* An epoch where the decay time gives none. */
#define IDLE_EPOCH_MS 250
/* Runs purged between two takings of the lock. */
#define PURGE_BATCH 32

early_data struct decay_clock decay;

/* Purpose: one run of warm slabs on its way to the kernel; taken while it is. */
struct purge {
    struct superslab *superslab;
    uint32_t slabs;
};

static size_t warm_slabs_max(void)
{
    /* relaxed: mallopt may change it at any time */
    return (size_t)__atomic_load_n(&settings.ss_cache_max, __ATOMIC_RELAXED) >> SLAB_SHIFT;
}

/* Caches above age by epochs also when nothing decays, or at once. */
static uint64_t epoch_ms(void)
{
    return settings.decay_ms > 0 ? (uint64_t)settings.decay_ms / EPOCHS_PER_DECAY + 1
                                 : IDLE_EPOCH_MS;
}

static size_t warm_slabs(void)
{
    return atomic_load_explicit(&space.warm_slabs, memory_order_relaxed);
}

uint8_t decay_epoch(void)
{
    /* relaxed: see the struct */
    return atomic_load_explicit(&decay.epoch, memory_order_relaxed);
}

uint64_t decay_purged_bytes(void)
{
    return atomic_load_explicit(&decay.purged_bytes, memory_order_relaxed);
}

/* The warm slabs of one superslab that are old enough. */
static uint32_t due_slabs(const struct superslab *superslab, unsigned min_age)
{
    uint8_t epoch = decay_epoch();
    uint32_t due = 0;
    for (uint32_t rest = superslab->warm; rest; rest &= rest - 1) {
        unsigned slab = lowest_bit(rest);
        if ((uint8_t)(epoch - superslab->age[slab]) >= min_age)
            due |= (uint32_t)1 << slab;
    }
    return due;
}

/* Take up to PURGE_BATCH superslabs' due slabs out of the warm pool. */
static unsigned collect_locked(struct purge *batch, unsigned min_age)
{
    unsigned count = 0;
    for (unsigned run = 1; run < RUN_LISTS; run++) {
        struct superslab *next;
        for (struct superslab *superslab = space.list[RUN_WARM][run]; superslab; superslab = next) {
            next = superslab->next[RUN_WARM];
            uint32_t slabs = due_slabs(superslab, min_age);
            if (!slabs)
                continue;
            if (superslab->is_moved && slabs == superslab->warm && superslab->free == ALL_SLABS)
                slabs = ALL_SLABS; /* all go at once, and the mapping with them */
            superslab_mark_taken(superslab, slabs);
            batch[count++] = (struct purge){superslab, slabs};
            if (count == PURGE_BATCH)
                return count;
        }
    }
    return count;
}

/* Give the runs' pages to the kernel. Returns those slabs whose pages are gone. */
static uint32_t purge_slabs(const struct purge *purge)
{
    uint32_t purged = 0;
    if (purge->superslab->is_moved && purge->slabs == ALL_SLABS &&
        superslab_rejoin(purge->superslab, 1))
        return ALL_SLABS;
    for (uint32_t rest = purge->slabs; rest;) {
        unsigned first = lowest_bit(rest);
        uint32_t above = ~(rest >> first);
        unsigned count = above ? lowest_bit(above) : SLABS_PER_SUPERSLAB - first;
        uint32_t mask = run_mask(first, count);
        rest &= ~mask;
        char *start = superslab_start(purge->superslab) + ((size_t)first << SLAB_SHIFT);
        if (os_purge(start, (size_t)count << SLAB_SHIFT))
            purged |= mask;
    }
    return purged;
}

static void forget_residents(const struct purge *purge, uint32_t slabs)
{
    struct slab *records = purge->superslab->slabs;
    if (!records)
        return;
    for (uint32_t rest = slabs; rest; rest &= rest - 1)
        records[lowest_bit(rest)].resident = 0;
}

static size_t purge_batch(struct purge *batch, unsigned count)
{
    uint32_t purged[PURGE_BATCH];
    size_t slabs = 0;
    for (unsigned i = 0; i < count; i++)
        purged[i] = purge_slabs(&batch[i]);
    lock_acquire(&space.lock);
    for (unsigned i = 0; i < count; i++) {
        uint32_t kept = batch[i].slabs & ~purged[i];
        forget_residents(&batch[i], purged[i]);
        if (kept)
            superslab_mark_free(batch[i].superslab, kept, true);
        if (purged[i])
            superslab_mark_free(batch[i].superslab, purged[i], false);
        slabs += (size_t)__builtin_popcount(purged[i]);
    }
    lock_release(&space.lock);
    return slabs << SLAB_SHIFT;
}

/* Purge warm slabs of at least `min_age` epochs until at most `keep` are warm. Stops when the
 * kernel refuses. Returns the bytes purged. */
static size_t purge_down_to(size_t keep, unsigned min_age)
{
    size_t total = 0;
    while (warm_slabs() > keep) {
        struct purge batch[PURGE_BATCH];
        lock_acquire(&space.lock);
        unsigned count = collect_locked(batch, min_age);
        lock_release(&space.lock);
        size_t bytes = count ? purge_batch(batch, count) : 0;
        if (bytes == 0)
            break;
        total += bytes;
    }
    atomic_fetch_add_explicit(&decay.purged_bytes, total, memory_order_relaxed);
    return total;
}

bool decay_poll(void)
{
    if (settings.bench_fast_mode)
        return false;
    uint64_t now = os_now_ms();
    uint64_t next = atomic_load_explicit(&decay.next_ms, memory_order_relaxed);
    if (likely(now < next))
        return false;
    uint64_t step = epoch_ms();
    /* relaxed: whoever wins does the work of this epoch; nothing else is ordered by it */
    if (!atomic_compare_exchange_strong_explicit(&decay.next_ms, &next, now + step,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    if (next == 0)
        return false; /* the first look only starts the clock */
    uint64_t late = min_size((now - next) / step, EPOCHS_PER_DECAY);
    atomic_fetch_add_explicit(&decay.epoch, (uint8_t)(1 + late), memory_order_relaxed);
    if (settings.decay_ms >= 0)
        purge_down_to(0, EPOCHS_PER_DECAY);
    return true;
}

void decay_after_give(void)
{
    size_t most = settings.decay_ms == 0 ? 0 : warm_slabs_max();
    if (likely(warm_slabs() <= most) || settings.bench_fast_mode)
        return;
    /* some room below the limit, or the next give would be back here; the oldest go first */
    size_t keep = most - most / 8;
    for (unsigned age = EPOCHS_PER_DECAY + 1; age-- > 0;)
        purge_down_to(keep, age);
}

size_t decay_purge_all(void)
{
    return purge_down_to(0, 0);
}
