/* SPDX-License-Identifier: MIT */
/*
 * Owns, for each class of the shared pool, the count of blocks that are out of its slabs (in use or
 * in caches) and the bytes that lie free in them; and the decision that a class collapses. A class
 * collapses when its blocks are being freed while too much free memory is backed by pages. Its
 * slabs empty slowly, since a few blocks keep each slab in use. So its free pages are purged one by
 * one, by work that the flushes of the class do; and freed blocks of it bypass the caches above the
 * slabs, since a block in a cache keeps its page. A collapse begins when the blocks out of the
 * class have fallen to half of their highest number. The slabs are walked then, and again each time
 * that the number has halved. It ends when the class grows again, or a decay time after the last
 * walk began. May never count blocks of a pool other than the shared pool.
 */
#include "lane/collapse.h"
#include "lane/parts.h"
#include "slab/decay.h"
#include "slab/warm_bound.h"

/* A class may collapse when at most 1/2 of its highest number of blocks is out. */
#define COLLAPSED_SHARE 2
/* A class that never had more bytes out than this is not worth the work. */
#define HIGH_MIN (256 * KIB)
#define FREE_LISTS (POOL_LIST_FULL / COLLAPSE_FREE_SHARE)
/* A system call for each single page takes longer than all other work. So while more than 1/16 of
 * the highest number is out, only slabs whose free pages lie together are purged; later, more of
 * them do. */
#define EARLY_RUN 2
#define LAST_SHARE 16
/* Changes are reported to the slab layer in steps of this size, so that threads seldom contend for
 * its counters. */
#define TELL_BYTES ((ptrdiff_t)64 * (ptrdiff_t)KIB)

state_data struct collapse_tally tallies[CLASS_POOL_LAST + 1];

static void tell(struct collapse_tally *tally, unsigned size_class)
{
    const struct size_class *row = &size_classes[size_class];
    size_t slabs = shared_pool.classes[size_class].slab_count;
    ptrdiff_t hollow = (ptrdiff_t)((slabs * row->slabs) << SLAB_SHIFT) -
                       (ptrdiff_t)(tally->out * row->size);
    ptrdiff_t more_loose = tally->loose - tally->told_loose;
    ptrdiff_t more_hollow = hollow - tally->told_hollow;
    if (more_loose < TELL_BYTES && -more_loose < TELL_BYTES && more_hollow < TELL_BYTES &&
        -more_hollow < TELL_BYTES)
        return;
    tally->told_loose = tally->loose;
    tally->told_hollow = hollow;
    warm_bound_note_loose(more_loose, more_hollow);
}

static void begin_walk_locked(struct collapse_tally *tally, unsigned size_class)
{
    tally->mark = tally->out;
    tally->epoch = decay_epoch();
    word_store(&tally->is_on, true);
    pool_walk_begin(&shared_pool.classes[size_class], FREE_LISTS - 1);
}

/* Begin a walk if the class has collapsed, or its number has halved since the last walk. */
static void note_fewer_locked(struct collapse_tally *tally, unsigned size_class)
{
    bool is_low = tally->is_on ? tally->out <= tally->mark / 2
                               : tally->out <= tally->high / COLLAPSED_SHARE &&
                                     tally->high * size_classes[size_class].size >= HIGH_MIN;
    if (is_low && warm_bound_is_over(tally->is_on ? 3 : 4))
        begin_walk_locked(tally, size_class);
}

static void note_more_locked(struct collapse_tally *tally, unsigned size_class)
{
    size_t slack = TELL_BYTES / size_classes[size_class].size;
    if (tally->is_on && tally->out > 2 * tally->mark + slack) {
        word_store(&tally->is_on, false);
        tally->high = tally->out;
    }
    if (tally->out > tally->high)
        tally->high = tally->out;
}

void collapse_note_locked(struct pool *pool, unsigned size_class, ptrdiff_t out, ptrdiff_t loose)
{
    if (pool != &shared_pool)
        return;
    struct collapse_tally *tally = &tallies[size_class];
    tally->out += (size_t)out;
    tally->loose += loose;
    tell(tally, size_class);
    if (out < 0)
        note_fewer_locked(tally, size_class);
    else if (out > 0)
        note_more_locked(tally, size_class);
}

void collapse_note_leave_locked(const struct slab *slab)
{
    size_t absent = pooled(slab)->absent ? parts_absent_bytes(slab) : 0;
    collapse_note_locked(slab->owner, slab->size_class, 0,
                         (ptrdiff_t)absent - (ptrdiff_t)(pooled(slab)->carved * slab->size));
}

/* Did the last walk begin within the decay time? */
static bool is_recent(const struct collapse_tally *tally)
{
    return (uint8_t)(decay_epoch() - word_load(&tally->epoch)) <= EPOCHS_PER_DECAY;
}

bool collapse_is_on(unsigned size_class)
{
    const struct collapse_tally *tally = &tallies[size_class];
    return unlikely(word_load(&tally->is_on)) && is_recent(tally);
}

void collapse_note_return_locked(const struct slab *slab, size_t bytes)
{
    struct collapse_tally *tally = &tallies[slab->size_class];
    if (slab->owner != &shared_pool)
        return;
    collapse_note_locked(&shared_pool, slab->size_class, 0, (ptrdiff_t)bytes);
    if (!is_recent(tally) || tally->mark == 0)
        return;
    tally->returned += bytes;
    warm_bound_note_return(tally->returned >> SLAB_SHIFT);
    tally->returned %= SLAB_SIZE;
}

unsigned collapse_run_min(unsigned size_class)
{
    const struct collapse_tally *tally = &tallies[size_class];
    /* without the lock: the values may be a moment old */
    return word_load(&tally->mark) > word_load(&tally->high) / LAST_SHARE ? EARLY_RUN : 1;
}
