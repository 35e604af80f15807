/* SPDX-License-Identifier: MIT */
/*
 * The end of the warm pool: slabs that have been free and backed by pages for the decay time are
 * purged, a superslab at a time and outside the superslab lock. Time is counted in epochs of a
 * quarter of the decay time. A slow path that finds an epoch at its end begins a walk over the
 * superslabs; each slow path does a bounded part of it. May never purge a slab that is in use, or
 * hold a caller up for more than a millisecond, unless the caller asks to purge everything.
 */
#include "slab/space.h"

/* An epoch where the decay time gives none. */
#define IDLE_EPOCH_MS 250
/* Superslabs looked at in one holding of the lock. */
#define SCAN_STEP 64
/* Bytes given to the kernel in one call, during which its own lock is held: 20 us for pages of 4
 * KiB. Calls of 1 MiB take 60 us, but every tenth of them more than 100 where other threads are at
 * work; of those with 256 KiB at most four in a thousand. */
#define PURGE_CALL (256 * KIB)

/* The part of an epoch's walk that one slow path does: superslabs looked at, and bytes given to the
 * kernel, which take 0.3 ms. */
#define WALK_SUPERSLABS 1024
#define WALK_BYTES (4 * MIB)

/* A purging thread lets waiting threads have the lock first: it sleeps up to TURNS_MAX times. */
#define TURN_US 20
#define TURNS_MAX 50

state_data struct decay_clock decay;

/* A purge ends when the kernel has refused this many superslabs: their memory is locked, and all
 * memory may be. The next purge begins with others, since those that were refused count as young
 * again. */
#define REFUSALS_MAX 16

/* Caches above age by epochs also when nothing decays, or at once. */
static uint64_t epoch_ms(void)
{
    return settings.decay_ms > 0 ? (uint64_t)settings.decay_ms / EPOCHS_PER_DECAY + 1
                                 : IDLE_EPOCH_MS;
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

uint64_t decay_ms_to_epoch(void)
{
    uint64_t now = os_now_ms();
    uint64_t next = atomic_load_explicit(&decay.next_ms, memory_order_relaxed);
    return next > now ? min_size(next - now, epoch_ms()) + 1 : 1;
}

bool decay_is_due(void)
{
    return warm_slabs() > 0 && settings.decay_ms >= 0 && !settings.bench_fast_mode;
}

/* The warm slabs of one superslab that are old enough. */
static uint32_t due_slabs(const struct superslab *superslab, unsigned min_age)
{
    uint8_t epoch = decay_epoch();
    uint32_t due = 0;
    /* in a Huge block's superslab `warm` is about slabs in use as well */
    for (uint32_t rest = superslab->warm & superslab->free; rest; rest &= rest - 1) {
        unsigned slab = lowest_bit(rest);
        if ((uint8_t)(epoch - superslab->age[slab]) >= min_age)
            due |= (uint32_t)1 << slab;
    }
    return due;
}

void purge_choose_locked(struct purge *purge, unsigned min_age)
{
    struct superslab *superslab = purge->superslab;
    bool is_tail = superslab->state == SUPERSLAB_HUGE;
    uint32_t due = superslab->state == SUPERSLAB_SLABS || is_tail ? due_slabs(superslab, min_age)
                                                                  : 0;
    bool is_all = due && due == superslab->warm && superslab->free == ALL_SLABS;
    purge->slabs = due;
    purge->taken = is_all ? ALL_SLABS : due;
    if (due && is_tail)
        tail_take_locked(superslab, due);
    else if (due)
        superslab_mark_taken(superslab, purge->taken);
}

/* Take the due slabs of the next superslab that has some out of use; *cursor is where to look, no
 * further than `end`. False when there is none. */
static bool collect(size_t *cursor, size_t end, unsigned min_age, struct purge *purge)
{
    purge->slabs = 0;
    *cursor = max_size(*cursor, space.first);
    while (!purge->slabs && *cursor < end) {
        lock_acquire(&space.lock);
        end = min_size(end, space.frontier);
        size_t step_end = min_size(end, *cursor + SCAN_STEP);
        for (; *cursor < step_end && !purge->slabs; *cursor += 1) {
            purge->superslab = &space.superslabs[*cursor];
            purge_choose_locked(purge, min_age);
        }
        lock_release(&space.lock);
    }
    return purge->slabs != 0;
}

void decay_count(bool is_on)
{
    atomic_fetch_add_explicit(&decay.counting, is_on ? 1u : -1u, memory_order_relaxed);
}

uint64_t decay_returned_bytes(void)
{
    return atomic_load_explicit(&decay.returned_bytes, memory_order_relaxed);
}

static size_t present_bytes(char *start, size_t size)
{
    size_t page = os_page_size();
    size_t pages = 0;
    for (size_t at = 0; at < size; at += 64 * page)
        pages += os_present_pages(start + at, (size - at) / page);
    return pages * page;
}

bool slab_purge(char *start, size_t size)
{
    for (size_t done = 0; done < size; done += PURGE_CALL)
        if (!os_purge(start + done, min_size(size - done, PURGE_CALL)))
            return false;
    return true;
}

bool decay_give_pages(char *start, size_t size)
{
    /* relaxed: figures */
    bool is_counting = atomic_load_explicit(&decay.counting, memory_order_relaxed) > 0;
    size_t before = is_counting ? present_bytes(start, size) : 0;
    bool is_done = slab_purge(start, size);
    /* some may be gone where others are refused */
    size_t after = is_counting && !is_done ? min_size(present_bytes(start, size), before) : 0;
    atomic_fetch_add_explicit(&decay.returned_bytes, before - after, memory_order_relaxed);
    if (is_done)
        atomic_fetch_add_explicit(&decay.purged_bytes, size, memory_order_relaxed);
    return is_done;
}

/* What a span's owner has locked cannot be given back before that is undone. */
static bool give_run(const struct purge *purge, char *start, size_t size, uint32_t slabs)
{
    if (decay_give_pages(start, size))
        return true;
    bool is_doubted = word_load(&purge->superslab->doubted) & slabs;
    return is_doubted && (slab_make_plain(start, size) || decay_give_pages(start, size));
}

/* Give the pages of a run of slabs to the kernel; slab by slab where it refuses some. Returns those
 * that it took. */
static uint32_t purge_run(const struct purge *purge, unsigned first, unsigned count)
{
    uint32_t purged = 0;
    char *start = superslab_start(purge->superslab) + ((size_t)first << SLAB_SHIFT);
    if (give_run(purge, start, (size_t)count << SLAB_SHIFT, run_mask(first, count)))
        return run_mask(first, count);
    for (unsigned slab = 0; count > 1 && slab < count; slab++)
        if (decay_give_pages(start + ((size_t)slab << SLAB_SHIFT), SLAB_SIZE))
            purged |= run_mask(first + slab, 1);
    return purged;
}

/* Give the pages to the kernel. Returns those slabs whose pages are gone. */
static uint32_t purge_slabs(const struct purge *purge)
{
    uint32_t purged = 0;
    for (uint32_t rest = purge->slabs; rest;) {
        unsigned first = lowest_bit(rest);
        uint32_t above = ~(rest >> first);
        unsigned count = above ? lowest_bit(above) : SLABS_PER_SUPERSLAB - first;
        rest &= ~run_mask(first, count);
        purged |= purge_run(purge, first, count);
    }
    /* without pages: whatever replaces a mapping keeps all others out meanwhile */
    if (purge->superslab->is_moved && purge->taken == ALL_SLABS && purged == purge->slabs)
        superslab_rejoin(purge->superslab, 1);
    return purged;
}

/* Purge the records of a superslab that is wholly free and cold: records that read as zero are
 * correct. */
static bool purge_records(const struct purge *purge)
{
    size_t size = SLABS_PER_SUPERSLAB * sizeof(struct slab);
    _Static_assert(SLABS_PER_SUPERSLAB * sizeof(struct slab) % META_PAGE == 0,
                   "the arena lets records begin at a page");
    return purge->taken == ALL_SLABS && os_page_size() <= META_PAGE && purge->superslab->slabs &&
           os_purge(purge->superslab->slabs, size);
}

static void forget_residents(const struct purge *purge, uint32_t slabs)
{
    struct slab *records = purge->superslab->slabs;
    if (!records)
        return;
    for (uint32_t rest = slabs; rest; rest &= rest - 1)
        records[lowest_bit(rest)].resident = 0;
}

/* A slab that was purged because of its age is not marked. One that was purged for the bound is, to
 * count whether it is soon taken again. */
static void note_purged_locked(const struct purge *purge, uint32_t purged)
{
    uint8_t epoch = decay_epoch();
    for (uint32_t rest = purged; rest; rest &= rest - 1) {
        unsigned slab = lowest_bit(rest);
        bool is_old = (uint8_t)(epoch - purge->superslab->age[slab]) >= EPOCHS_PER_DECAY;
        if (!is_old)
            purge->superslab->purged |= run_mask(slab, 1);
        purge->superslab->age[slab] = epoch;
    }
}

size_t purge_superslab(const struct purge *purge)
{
    bool is_tail = purge->superslab->state == SUPERSLAB_HUGE; /* it stays so meanwhile */
    uint32_t purged = purge_slabs(purge);
    uint32_t kept = purge->slabs & ~purged;
    uint32_t cold = purge->taken & ~kept;
    bool is_forgotten = !kept && purge_records(purge);
    lock_acquire(&space.lock);
    if (!is_forgotten)
        forget_residents(purge, purged);
    note_purged_locked(purge, purged);
    if (is_tail)
        tail_return_locked(purge->superslab, purge->slabs, kept);
    if (!is_tail && kept)
        superslab_mark_free(purge->superslab, kept, true);
    if (!is_tail && cold)
        superslab_mark_free(purge->superslab, cold, false);
    bool is_idle = purge->superslab->state == SUPERSLAB_FREE;
    lock_release(&space.lock);
    if (is_idle)
        dump_leave_out(purge->superslab);
    return (size_t)__builtin_popcount(purged) << SLAB_SHIFT;
}

/* Purge the warm slabs of at least `min_age` epochs. Returns the bytes purged. */
static size_t purge_all(unsigned min_age)
{
    struct purge purge = {0};
    size_t total = 0;
    size_t cursor = 0;
    unsigned refusals = 0;
    for (bool is_more = true; is_more && refusals < REFUSALS_MAX && warm_slabs() > 0;) {
        size_t bytes = 0;
        decay_lock_in_turn();
        is_more = collect(&cursor, SIZE_MAX, min_age, &purge);
        if (is_more)
            bytes = purge_superslab(&purge);
        decay_unlock();
        total += bytes;
        refusals += is_more && bytes == 0;
    }
    return total;
}

/* Go on with the epoch's walk: a part that takes no caller long. While another thread purges,
 * nothing is done: that thread, or a later call, goes on. */
static void walk_on(void)
{
    struct purge purge = {0};
    size_t cursor = atomic_load_explicit(&decay.cursor, memory_order_relaxed);
    size_t end = cursor + WALK_SUPERSLABS;
    bool is_refused = false;
    if (cursor == 0 || atomic_load_explicit(&decay.lock.word, memory_order_relaxed) != 0)
        return;
    decay_lock();
    for (size_t bytes = 0; bytes < WALK_BYTES && !is_refused;) {
        if (!collect(&cursor, end, EPOCHS_PER_DECAY, &purge))
            break;
        size_t purged = purge_superslab(&purge);
        is_refused = purged == 0;
        bytes += purged;
    }
    bool is_end = cursor >= word_load(&space.frontier) || warm_slabs() == 0;
    atomic_store_explicit(&decay.cursor, is_end ? 0 : cursor, memory_order_relaxed);
    decay_unlock();
}

/* Begin a walk, unless one is under way: that one goes on. */
static void begin_walk(void)
{
    size_t none = 0;
    if (settings.decay_ms >= 0)
        atomic_compare_exchange_strong_explicit(&decay.cursor, &none, space.first,
                                                memory_order_relaxed, memory_order_relaxed);
}

/* Is it time for a new epoch, and is it this thread that begins it? */
static bool begin_epoch(void)
{
    uint64_t now = os_now_ms();
    uint64_t next = atomic_load_explicit(&decay.next_ms, memory_order_relaxed);
    if (likely(now < next))
        return false;
    uint64_t step = epoch_ms();
    /* relaxed: the thread that wins does the work of this epoch; nothing else is ordered by it */
    if (!atomic_compare_exchange_strong_explicit(&decay.next_ms, &next, now + step,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    if (next == 0)
        return false; /* the first look only starts the clock */
    unsigned late = (unsigned)min_size((now - next) / step, EPOCHS_PER_DECAY);
    atomic_fetch_add_explicit(&decay.epoch, (uint8_t)(1 + late), memory_order_relaxed);
    warm_bound_pass(1 + late);
    return true;
}

bool decay_poll(void)
{
    if (settings.bench_fast_mode)
        return false;
    bool is_new = begin_epoch();
    if (is_new) {
        reservation_review();
        begin_walk();
    }
    walk_on();
    return is_new;
}

void decay_purge_due(void)
{
    if (settings.decay_ms >= 0 && !settings.bench_fast_mode)
        purge_all(EPOCHS_PER_DECAY);
}

size_t decay_purge_all(void)
{
    return purge_all(0);
}

void decay_lock(void)
{
    /* relaxed: a hint to the purging thread */
    atomic_fetch_add_explicit(&decay.waiting, 1, memory_order_relaxed);
    lock_acquire(&decay.lock);
    atomic_fetch_sub_explicit(&decay.waiting, 1, memory_order_relaxed);
}

bool decay_try_lock(void)
{
    return lock_try(&decay.lock);
}

void decay_lock_in_turn(void)
{
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        if (atomic_load_explicit(&decay.waiting, memory_order_relaxed) == 0)
            break;
        os_sleep_us(TURN_US);
    }
    decay_lock();
}

void decay_unlock(void)
{
    lock_release(&decay.lock);
}
