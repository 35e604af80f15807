/* SPDX-License-Identifier: MIT */
/*
 * Owns the profile: the tables of sites, of live samples, and of marks of slabs. The thread that
 * allocates a block adds its sample before another thread can know the block. The thread that frees
 * the block ends the sample before the block can be used again. So each sample in the table is of a
 * live block. The probes tell tracers of both, after the lock is released. May never call the
 * unwinder, and may wait for nothing but its lock.
 */
#include "watch/profile.h"

#include "os/os.h"
#include "watch/marks.h"
#include "watch/probes.h"

#include <time.h>

state_data struct profile profile;

/* A search for an address looks at no more slots than this. */
#define PROBES_MAX 128

/* ---- the tables ---- */

static uint32_t slots_in(size_t bytes, size_t slot)
{
    return (uint32_t)1 << highest_bit(min_size(bytes / slot, (size_t)1 << 30));
}

/* The least memory for the tables together, whatever HAKMEM_PROFILE_MEMORY says. */
#define BYTES_MIN (256 * KIB)

/* The slots of the index and the marks: twice as many as there can be samples. */
static uint32_t index_slots(void)
{
    return profile.sample_slots * 2;
}

/* Half of the memory is for stacks, an eighth for sites, the rest for samples and marks. */
bool profile_make(size_t bytes)
{
    if (profile.stacks)
        return true;
    bytes = max_size(bytes, BYTES_MIN);
    size_t stacks = align_down(bytes / 2, os_page_size());
    /* seccomp's strict mode kills the program at any system call for memory */
    char *memory = os_may_give_back() ? os_reserve(bytes) : NULL;
    if (!memory)
        return false;
    os_name(memory, bytes, OS_NAME " profile");
    profile.site_slots = slots_in(bytes / 8, sizeof(struct profile_site));
    profile.sites = (struct profile_site *)(memory + stacks);
    profile.sample_slots = slots_in(bytes / 8 * 3, PROFILE_SAMPLE_BYTES);
    profile.samples = (struct profile_sample *)(profile.sites + profile.site_slots);
    char *marks = (char *)(profile.samples + profile.sample_slots);
    marks_make(marks, index_slots());
    profile.index = (_Atomic uint32_t *)(marks + index_slots() * MARK_BYTES);
    profile.stacks = stack_store_make(memory, stacks);
    return profile.stacks != NULL;
}

/* ---- samples: an array, the first free ones first, and an index by address ---- */

/* In the index: the number of a sample and 1; 0 where the search for a block ends; or this, for a
 * sample that is gone. */
#define INDEX_GONE UINT32_MAX

static uint64_t address_at(const struct profile_sample *sample)
{
    /* acquire: see index_at */
    return atomic_load_explicit(&sample->address, memory_order_acquire);
}

static _Atomic uint32_t *index_slot(size_t slot)
{
    return &profile.index[slot & (index_slots() - 1)];
}

static uint32_t index_at(size_t slot)
{
    /* acquire: the slot was written before the block was handed out, so the block's owner sees it.
     * If another thread has dropped the sample, the owner sees the slab as that thread left it */
    return atomic_load_explicit(index_slot(slot), memory_order_acquire);
}

static void set_index(size_t slot, uint32_t number)
{
    /* release: see index_at */
    atomic_store_explicit(index_slot(slot), number, memory_order_release);
}

static size_t first_slot(uint64_t address)
{
    return hash_slot(address / BLOCK_ALIGN, index_slots());
}

/* The sample of a block; NULL: it has none. The owner of the block needs no lock: no slot on the
 * way to its sample becomes 0, and a sample that is used again has another address. */
static struct profile_sample *find_sample(const void *block)
{
    uint64_t address = (uint64_t)(uintptr_t)block;
    size_t slot = first_slot(address);
    for (size_t probe = 0; probe < PROBES_MAX; probe++) {
        uint32_t number = index_at(slot + probe);
        if (number == 0)
            return NULL;
        if (number != INDEX_GONE && address_at(&profile.samples[number - 1]) == address)
            return &profile.samples[number - 1];
    }
    return NULL;
}

/* The slot that leads to a sample (its number and 1), or one that a new sample may have (0). The
 * end of the search if there is none. */
static size_t find_slot_locked(uint64_t address, uint32_t number)
{
    size_t slot = first_slot(address);
    for (size_t probe = 0; probe < PROBES_MAX; probe++, slot++) {
        uint32_t found = index_at(slot);
        if (found == number || (number == 0 && found == INDEX_GONE))
            return slot;
    }
    return SIZE_MAX;
}

/* A sample that is not used: one that is gone, or the next of the array; NULL: no room. */
static struct profile_sample *take_sample_locked(void)
{
    struct profile_sample *sample = NULL;
    if (profile.free_sample > 0) {
        sample = &profile.samples[profile.free_sample - 1];
        profile.free_sample = sample->site;
    } else if (profile.samples_used < profile.sample_slots) {
        sample = &profile.samples[profile.samples_used++];
    }
    return sample;
}

static void give_sample_locked(struct profile_sample *sample)
{
    sample->site = profile.free_sample;
    profile.free_sample = (uint32_t)(sample - profile.samples) + 1;
}

/* Mark the slot as gone. If the next slot is 0, no search goes on behind this slot: then it and the
 * gone ones before it become 0. */
static void empty_slot_locked(size_t slot)
{
    set_index(slot, INDEX_GONE);
    if (index_at(slot + 1) != 0)
        return;
    for (; index_at(slot) == INDEX_GONE; slot--)
        set_index(slot, 0);
}

static void remove_sample_locked(struct profile_sample *sample)
{
    empty_slot_locked(
        find_slot_locked(address_at(sample), (uint32_t)(sample - profile.samples) + 1));
    atomic_store_explicit(&sample->address, 0, memory_order_relaxed);
    give_sample_locked(sample);
}

/* ---- sites ---- */

static void add(_Atomic uint64_t *number, uint64_t more)
{
    /* relaxed, and no read-modify-write: the lock is held, and readers need no order */
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static uint64_t get(_Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

static struct profile_site *site_locked(uint32_t stack, uint32_t label)
{
    size_t index = hash_slot((uint64_t)label << 32 | stack, profile.site_slots);
    for (;; index = (index + 1) & (profile.site_slots - 1)) {
        struct profile_site *site = &profile.sites[index];
        uint32_t found = atomic_load_explicit(&site->stack, memory_order_relaxed);
        if (found == stack && site->label == label)
            return site;
        if (found != 0)
            continue;
        if (profile.site_count >= profile.site_slots / 4 * 3)
            return NULL;
        profile.site_count++;
        site->label = label;
        /* release: a reader that sees the stack sees the label */
        atomic_store_explicit(&site->stack, stack, memory_order_release);
        return site;
    }
}

/* To be called before the site changes: if this is its first change since the peak, what is live
 * now was live at the peak. */
static void keep_peak_locked(struct profile_site *site)
{
    uint64_t epoch = get(&profile.peak_epoch);
    if (get(&site->peak_epoch) == epoch)
        return;
    set(&site->peak_count, get(&site->live_count));
    set(&site->peak_bytes, get(&site->live_bytes));
    set(&site->peak_epoch, epoch);
}

static uint64_t weighted(uint64_t bytes, uint64_t weight_256)
{
    return (uint64_t)((unsigned __int128)bytes * weight_256 / SAMPLING_ONE);
}

static void add_live_locked(struct profile_site *site, uint64_t count, uint64_t bytes)
{
    keep_peak_locked(site);
    add(&site->live_count, count);
    add(&site->live_bytes, bytes);
    add(&profile.live_bytes, bytes);
    if (get(&profile.live_bytes) > get(&profile.peak_bytes)) {
        set(&profile.peak_bytes, get(&profile.live_bytes));
        add(&profile.peak_epoch, 1);
    }
}

/* ---- events ---- */

static void count_lifetime_locked(struct profile_site *site, uint64_t since_ms)
{
    uint64_t now = os_now_ms();
    uint64_t lived = now > since_ms ? now - since_ms : 0;
    unsigned power = lived == 0 ? 0
                                : (unsigned)min_size(highest_bit(lived) + 1, PROFILE_LIFETIMES - 1);
    atomic_fetch_add_explicit(&site->lifetimes[power], 1, memory_order_relaxed);
}

/* Another thread than the block's owner may call this. As long as the sample is in the table, an
 * owner that frees the block waits for the lock, so the slab stays. So the sample leaves the table
 * last, and nothing touches the slab after that. */
static void drop_sample_locked(struct profile_sample *sample)
{
    struct profile_site *site = &profile.sites[sample->site];
    uint64_t bytes = weighted(sample->size, sample->weight_256);
    const void *block = (const void *)(uintptr_t)address_at(sample);
    add_live_locked(site, 0 - sample->weight_256, 0 - bytes);
    marks_remove(block);
    /* release: an owner that does not find the sample writes to the slab map after this thread */
    atomic_thread_fence(memory_order_release);
    remove_sample_locked(sample);
    /* release: an owner that sees that there are no samples sees the slab as this thread leaves
     * it */
    atomic_fetch_sub_explicit(&profile.sample_count, 1, memory_order_release);
}

/* The sample's block is being freed. */
static void end_sample_locked(struct profile_sample *sample)
{
    count_lifetime_locked(&profile.sites[sample->site], sample->at_ms);
    drop_sample_locked(sample);
}

static bool keep_sample_locked(const struct profile_event *event, struct profile_site *site,
                               uint64_t weight)
{
    uint64_t address = (uint64_t)(uintptr_t)event->block;
    size_t slot = find_slot_locked(address, 0);
    struct profile_sample *sample = slot != SIZE_MAX ? take_sample_locked() : NULL;
    if (!sample) {
        add(&profile.dropped_samples, 1);
        return false;
    }
    sample->weight_256 = weight;
    sample->size = event->size;
    sample->requested = event->requested;
    sample->site = (uint32_t)(site - profile.sites);
    sample->thread = event->thread;
    sample->at_ms = os_now_ms();
    /* release: a reader that sees the address sees the rest */
    atomic_store_explicit(&sample->address, address, memory_order_release);
    set_index(slot, (uint32_t)(sample - profile.samples) + 1);
    atomic_fetch_add_explicit(&profile.sample_count, 1, memory_order_relaxed);
    marks_add(event->block);
    add_live_locked(site, weight, weighted(event->size, weight));
    return true;
}

/* False: there was no room for the sample. */
static bool add_locked(const struct profile_event *event, uint64_t weight)
{
    struct profile_sample *old = marks_rule_out(event->block) ? NULL : find_sample(event->block);
    struct profile_site *site = site_locked(event->stack, event->label);
    if (old) /* its end was missed: the block was given back in another way than by free */
        end_sample_locked(old);
    if (!site) {
        add(&profile.dropped_sites, 1);
        return false;
    }
    keep_peak_locked(site);
    add(&site->alloc_count, weight);
    add(&site->alloc_bytes, weighted(event->size, weight));
    add(&site->requested_bytes, weighted(event->requested, weight));
    return keep_sample_locked(event, site, weight);
}

/* A tracer must hear of the end of each block that it has heard of. So it hears only of samples
 * that are kept. */
void profile_add(const struct profile_event *event)
{
    uint64_t interval = atomic_load_explicit(&profile.interval, memory_order_relaxed);
    uint64_t weight = sampling_weight(interval, event->requested);
    lock_acquire(&profile.lock);
    bool is_kept = add_locked(event, weight);
    lock_release(&profile.lock);
    if (is_kept)
        probe_alloc(event->block, event->size, weighted(event->size, weight));
}

bool profile_has(const void *block)
{
    return profile_has_samples() && find_sample(block);
}

void profile_forget(const void *block)
{
    struct profile_sample *sample = profile_has_samples() ? find_sample(block) : NULL;
    if (!sample)
        return;
    lock_acquire(&profile.lock);
    /* another thread may free the block by mistake, and have ended the sample */
    if (address_at(sample) != (uint64_t)(uintptr_t)block)
        sample = find_sample(block);
    if (sample)
        end_sample_locked(sample);
    lock_release(&profile.lock);
    if (sample)
        probe_free(block);
}

/* Samples that end under the lock at a time; then it is released, and tracers are told of them. */
#define GONE_AT_ONCE 32

/* Purpose: blocks that are gone. */
struct gone {
    bool (*is_gone)(const void *block, const void *context);
    const void *context;
    size_t index; /* the next slot to look at */
    size_t count;
    const void *blocks[GONE_AT_ONCE];
};

static void end_some_locked(struct gone *gone)
{
    for (gone->count = 0; gone->index < profile.samples_used && gone->count < GONE_AT_ONCE;
         gone->index++) {
        struct profile_sample *sample = &profile.samples[gone->index];
        const void *block = (const void *)(uintptr_t)address_at(sample);
        if (address_at(sample) == 0 || !gone->is_gone(block, gone->context))
            continue;
        end_sample_locked(sample);
        gone->blocks[gone->count++] = block;
    }
}

void profile_forget_each(bool (*is_gone)(const void *block, const void *context),
                         const void *context)
{
    if (!profile_has_samples())
        return;
    struct gone gone = {.is_gone = is_gone, .context = context};
    do {
        lock_acquire(&profile.lock);
        end_some_locked(&gone);
        lock_release(&profile.lock);
        for (size_t i = 0; i < gone.count; i++)
            probe_free(gone.blocks[i]);
    } while (gone.count == GONE_AT_ONCE);
}

/* ---- on and off ---- */

static void drop_samples_from(uint64_t at_ms)
{
    lock_acquire(&profile.lock);
    for (size_t index = 0; index < profile.samples_used; index++) {
        struct profile_sample *sample = &profile.samples[index];
        if (address_at(sample) != 0 && sample->at_ms >= at_ms)
            drop_sample_locked(sample);
    }
    lock_release(&profile.lock);
}

static uint64_t wall_ms(void)
{
    struct timespec now = {0, 0};
    if (!os_is_filtered())
        clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_interval(uint64_t interval)
{
    /* relaxed: a few samples at the moment of the change may have the weight of the old interval */
    atomic_store_explicit(&profile.interval, interval, memory_order_relaxed);
    uint32_t epoch = atomic_load_explicit(&sampling_epoch, memory_order_relaxed);
    atomic_store(&sampling_epoch, epoch + 1 == 0 ? 1 : epoch + 1); /* see sampling_restart */
}

/* Forget the peak: the highest that is known is now. */
static void restart_peak(void)
{
    lock_acquire(&profile.lock);
    set(&profile.peak_bytes, get(&profile.live_bytes));
    add(&profile.peak_epoch, 1);
    lock_release(&profile.lock);
}

/* The first client begins, or the program begins beside other clients. */
static void begin_for(enum profile_client client)
{
    uint64_t now = os_now_ms();
    if (profile.started_ms == 0) {
        profile.started_ms = wall_ms();
        profile.started_at_ms = now;
    }
    bool is_program = client == PROFILE_BY_PROGRAM;
    profile.dropped_from_ms = is_program ? UINT64_MAX : now;
    if (!is_program)
        restart_peak();
}

void profile_begin(enum profile_client client, uint64_t interval)
{
    uint32_t clients = atomic_load_explicit(&profile.is_on, memory_order_relaxed);
    if (clients == 0 || client == PROFILE_BY_PROGRAM) {
        begin_for(client);
        set_interval(interval);
    }
    /* release: a thread that sees profiling on sees the tables */
    atomic_store_explicit(&profile.is_on, clients | client, memory_order_release);
}

void profile_end(enum profile_client client)
{
    uint32_t clients = atomic_load_explicit(&profile.is_on, memory_order_relaxed);
    uint32_t others = clients & ~(uint32_t)client;
    atomic_store_explicit(&profile.is_on, others, memory_order_relaxed);
    if (clients == 0 || others != 0)
        return;
    if (profile.dropped_from_ms != UINT64_MAX)
        drop_samples_from(profile.dropped_from_ms);
}
