/* SPDX-License-Identifier: MIT */
/*
 * Owns the Huge lane: blocks above 2 MiB, each a range of whole superslabs. A block grows into the
 * superslabs behind it, or its pages move (mremap) to a longer range. The pages are copied only if
 * they may not be moved: under a filter, or when moves would make too many mappings; and a
 * superslab is copied if the kernel refuses to move it. The slabs of a freed block become warm. A
 * block of a size that the program usually writes through is made present at once; if it is large
 * or has grown, the kernel may use huge pages in it instead. A move that fails may never lose the
 * block's contents.
 */
#include "lane/huge.h"
#include "lane/density.h"
#include "slab/attributes.h"
#include "slab/decay.h"
#include "slab/drain.h"
#include "slab/huge_page.h"
#include "slab/mapping.h"
#include "slab/reservation.h"
#include "slab/superslab.h"
#include "slab/tail.h"

#include <string.h>

/* Before a block of this size or more is taken, the system is asked whether it would give so much
 * memory to a plain mmap. Inside the reservation all addresses look free. */
#define COMMIT_ASK_MIN GIB

/* relaxed: a figure only */
static void add_bytes(ptrdiff_t bytes)
{
    atomic_fetch_add_explicit(&huge_bytes, (size_t)bytes, memory_order_relaxed);
}

/* A block up to this size is made present at once. A larger one may be meant for later use. */
#define EAGER_MAX (32 * MIB)
/* From this size on the block's last huge page may be used in part: it is at most 1/16 of the
 * block. */
#define ROUND_UP_MIN (16 * SUPERSLAB_SIZE)
/* The most open ranges (in which the kernel may use huge pages): each is a mapping of its own. */
#define OPEN_MAX 128

/* Bytes that are copied and then purged in one step. */
#define COPY_STEP MIB

static state_data _Atomic unsigned open_ranges;

static size_t superslabs_for(size_t size)
{
    return align_up(size, SUPERSLAB_SIZE) >> SUPERSLAB_SHIFT;
}

size_t huge_good_size(size_t size)
{
    if (size > reservation_bytes() || size > LANE_HUGE_MAX - SUPERSLAB_SIZE)
        return 0;
    return align_up(size, os_page_size());
}

/* Give a range back; its first `used` bytes may have pages. If too much is warm, some is purged. */
static void give_range(char *start, size_t count, size_t used)
{
    superslab_range_give(start, count, used);
    drain_after_give(used);
}

/* Leave the slabs behind the first `bytes` of a range as its tail. If too much is warm, the tail is
 * purged. */
static void leave_tail(char *start, size_t count, size_t bytes, size_t cold_end)
{
    if (tail_leave(start, count, bytes, cold_end))
        drain_tail(start, count);
}

/* Take a range of `count` superslabs whose start is aligned to `alignment`. */
static char *take_range(size_t count, size_t alignment, bool *is_zero)
{
    if (alignment <= SUPERSLAB_SIZE)
        return superslab_range_take(count, is_zero);
    size_t extra = (alignment >> SUPERSLAB_SHIFT) - 1;
    char *start = superslab_range_take(count + extra, is_zero);
    if (!start)
        return NULL;
    char *aligned = (char *)align_up((uintptr_t)start, alignment);
    size_t before = (size_t)(aligned - start) >> SUPERSLAB_SHIFT;
    if (before > 0)
        give_range(start, before, 0);
    if (extra > before)
        give_range(aligned + (count << SUPERSLAB_SHIFT), extra - before, 0);
    return aligned;
}

static void publish(struct slab *slab)
{
    slab_map_set(slab->start, 1, slab->owner ? CLASS_OWNED : CLASS_HUGE);
}

/* Forbid huge pages from byte `from` of an open range on. Huge pages that the kernel has made
 * stay. */
static void close_part(struct slab *slab, size_t from)
{
    size_t size = (huge_of(slab)->count << SUPERSLAB_SHIFT) - from;
    os_allow_huge_pages(slab->start + from, size, false);
    huge_page_note_range(slab->start + from, size >> SUPERSLAB_SHIFT);
}

static void close_range(struct slab *slab)
{
    if (!huge_of(slab)->is_open)
        return;
    huge_of(slab)->is_open = false;
    close_part(slab, 0);
    atomic_fetch_sub_explicit(&open_ranges, 1, memory_order_relaxed);
}

/* Allow huge pages in the whole superslabs of bytes [from, size). */
static void open_range(struct slab *slab, size_t from)
{
    size_t begin = align_up(from, SUPERSLAB_SIZE);
    size_t end = slab->size >= ROUND_UP_MIN ? align_up(slab->size, SUPERSLAB_SIZE)
                                            : align_down(slab->size, SUPERSLAB_SIZE);
    if (begin >= end || settings.huge_pages == HUGE_PAGES_OFF)
        return;
    if (!huge_of(slab)->is_open) {
        /* relaxed: a bound on the number of mappings; nothing is ordered by it */
        if (atomic_fetch_add_explicit(&open_ranges, 1, memory_order_relaxed) >= OPEN_MAX) {
            atomic_fetch_sub_explicit(&open_ranges, 1, memory_order_relaxed);
            return;
        }
        huge_of(slab)->is_open = true;
    }
    huge_of(slab)->used = max_size(huge_of(slab)->used, end);
    os_allow_huge_pages(slab->start + begin, end - begin, true);
}

/* Prepare the new bytes [from, size) of a block. is_expected: the program is expected to write
 * them. */
static void prepare(struct slab *slab, size_t from, bool is_expected)
{
    bool is_always = settings.huge_pages == HUGE_PAGES_ALWAYS;
    if ((!is_expected && !is_always) || settings.ss_prefault == PREFAULT_OFF)
        return;
    if (is_expected && slab->size - from <= EAGER_MAX && density_is_expected(slab->size))
        huge_page_populate_range(slab->start, from, slab->size);
    else
        open_range(slab, from);
}

void huge_make_present(void *block, size_t bytes)
{
    if (settings.ss_prefault != PREFAULT_OFF)
        huge_page_populate_range(block, 0, align_up(bytes, os_page_size()));
}

void *huge_take(size_t size, size_t alignment, struct span_list *list, bool *is_zero)
{
    size_t good = huge_good_size(size);
    if (good == 0 || alignment > reservation_bytes())
        return NULL;
    if (good >= COMMIT_ASK_MIN && !os_could_commit(good))
        return NULL;
    size_t count = superslabs_for(good);
    char *start = take_range(count, alignment, is_zero);
    if (!start)
        return NULL;
    struct slab *slab = superslab_first_record(start);
    if (!slab) {
        give_range(start, count, 0);
        return NULL;
    }
    *slab = (struct slab){.start = start, .size = good, .size_class = CLASS_HUGE, .slab_count = 1};
    *huge_of(slab) = (struct huge_block){.count = count, .used = good};
    slab->state = SLAB_HUGE;
    span_list_add(list, slab);
    publish(slab);
    span_count_refill(CLASS_HUGE);
    add_bytes((ptrdiff_t)good);
    prepare(slab, 0, *is_zero ? density_expect(start, good) : density_is_expected(good));
    leave_tail(start, count, good, good);
    return start;
}

/* The block ends; its range remains to be given back. */
static void leave(struct slab *slab)
{
    span_list_remove(slab);
    density_end(slab->start, slab->size);
    close_range(slab);
    if (attributes_undo(slab->start, slab->size))
        huge_of(slab)->used = 0;
    slab_map_set(slab->start, 1, CLASS_NONE);
    slab->state = SLAB_FREE;
    span_count_flush(CLASS_HUGE);
    add_bytes(-(ptrdiff_t)slab->size);
}

void huge_zero(void *block)
{
    struct slab *slab = slab_find(block);
    superslab_range_zero(slab->start, slab->size);
}

void huge_give(void *block)
{
    struct slab *slab = slab_find(block);
    tail_take_back(slab->start, huge_of(slab)->count);
    leave(slab);
    give_range(slab->start, huge_of(slab)->count, huge_of(slab)->used);
}

/* Shrink in place. The block owns its tail during the call; afterwards the rest of the last
 * superslab is the tail. */
static void shrink(struct slab *slab, size_t good)
{
    size_t count = superslabs_for(good);
    size_t spare = huge_of(slab)->count - count;
    size_t end = count << SUPERSLAB_SHIFT;
    size_t used = huge_of(slab)->used;
    size_t page_end = min_size(end, used);
    attributes_undo(slab->start + good, slab->size - good);
    bool is_purged = page_end <= good || os_purge(slab->start + good, page_end - good);
    huge_of(slab)->used = is_purged ? good : page_end;
    if (spare > 0 && huge_of(slab)->is_open)
        close_part(slab, end);
    if (spare > 0)
        give_range(slab->start + end, spare, used > end ? used - end : 0);
    huge_of(slab)->count = count;
    slab->size = good;
    leave_tail(slab->start, count, good, is_purged ? page_end : good);
}

/* Move one superslab's pages, or copy them and set *is_copied. One call moves pages within one
 * mapping; a range may have several, but their borders lie between superslabs. False: nothing is
 * lost, but `to` has no mapping. */
static bool move_superslab(char *from, char *to, bool *is_copied)
{
    if (os_move(from, to, SUPERSLAB_SIZE))
        return true;
    if (!os_remap_fresh(to, SUPERSLAB_SIZE))
        return false;
    memcpy(to, from, SUPERSLAB_SIZE);
    *is_copied = true;
    return true;
}

/* Move the pages of all superslabs. Returns `count`, or the number of the superslab that failed:
 * the ones before it were copied back, and `to` has no mapping for it. */
static size_t move_range(char *from, char *to, size_t count, bool *is_copied)
{
    *is_copied = false;
    for (size_t i = 0; i < count; i++) {
        size_t offset = i << SUPERSLAB_SHIFT;
        if (move_superslab(from + offset, to + offset, is_copied))
            continue;
        memcpy(from, to, offset);
        return i;
    }
    return count;
}

static bool is_zero_page(const char *page, size_t size)
{
    return *page == 0 && memcmp(page, page + 1, size - 1) == 0;
}

static void copy_step(const char *from, char *to, size_t size, bool is_zero)
{
    size_t page = os_page_size();
    for (size_t at = 0; at < size; at += page)
        if (!is_zero || !is_zero_page(from + at, page))
            memcpy(to + at, from + at, page);
}

/* Copy a block so that pages which were never written take no memory in the copy. `to` is purged
 * first, unless it reads as zero. `from` is purged afterwards, since reading it has made pages.
 * False when the kernel refuses that. */
static bool copy_written(char *from, char *to, size_t size, bool is_zero)
{
    bool is_purged = true;
    for (size_t at = 0; at < size; at += COPY_STEP) {
        size_t step = min_size(size - at, COPY_STEP);
        copy_step(from + at, to + at, step, is_zero || os_purge(to + at, step));
        is_purged &= os_purge(from + at, step);
    }
    return is_purged;
}

/* Purge the slabs behind the block in its last superslab, which may have pages of earlier
 * blocks. */
static bool purge_behind(struct slab *slab)
{
    size_t end = huge_of(slab)->count << SUPERSLAB_SHIFT;
    return os_purge(slab->start + slab->size, end - slab->size);
}

/* Pages moved from an open range keep its permission: the new range is open too. */
static void inherit_open(const struct slab *old, struct slab *slab)
{
    if (!huge_of(old)->is_open || huge_of(slab)->is_open)
        return;
    huge_of(slab)->is_open = true;
    atomic_fetch_add_explicit(&open_ranges, 1, memory_order_relaxed);
}

/* Give back the old block's range. Its pages are gone, unless some were copied. */
static void give_moved(struct slab *old, bool is_copied)
{
    size_t count = huge_of(old)->count;
    leave(old);
    if (is_copied)
        give_range(old->start, count, count << SUPERSLAB_SHIFT);
    else
        superslab_range_give_cold(old->start, count);
}

static void give_part(char *start, size_t first, size_t count)
{
    if (count > 0)
        give_range(start + (first << SUPERSLAB_SHIFT), count, count << SUPERSLAB_SHIFT);
}

/* Undo a failed move: give up the new range, in which nothing is stored. Superslab `hole` may have
 * no mapping. If the hole cannot be remapped, it is abandoned, and the other superslabs are given
 * back. */
static void give_up(struct slab *slab, size_t hole)
{
    char *start = slab->start;
    size_t count = huge_of(slab)->count;
    tail_take_back(start, count);
    leave(slab);
    if (os_remap_fresh(start, count << SUPERSLAB_SHIFT)) {
        superslab_range_give_cold(start, count);
        return;
    }
    mapping_note_moved(start, start, hole);
    superslab_range_abandon(start + (hole << SUPERSLAB_SHIFT), 1);
    give_part(start, 0, hole);
    give_part(start, hole + 1, count - hole - 1);
}

/* Under a filter mremap is called only where glibc's malloc always calls it: for blocks from 32 MiB
 * on, which are mappings of their own there. Smaller blocks of glibc may come from its heap and
 * never reach mremap, so a program may work although its filter forbids the call. */
#define MOVED_UNDER_FILTER_MIN (32 * MIB)

static bool may_move(const struct slab *old, size_t count)
{
    return (old->size >= MOVED_UNDER_FILTER_MIN || !os_is_filtered()) &&
           mapping_may_move(old->start, count);
}

/* Move or copy the block's pages to a longer block. False when the move has failed: the pages are
 * where they were, and the longer block is gone. */
static bool move_pages(struct slab *old, struct slab *slab, bool is_zero, bool *is_copied)
{
    size_t count = huge_of(old)->count;
    if (!may_move(old, count)) {
        *is_copied = !copy_written(old->start, slab->start, old->size, is_zero) ||
                     !purge_behind(old);
        return true;
    }
    size_t moved = move_range(old->start, slab->start, count, is_copied);
    if (moved < count) {
        give_up(slab, moved);
        return false;
    }
    mapping_note_moved(old->start, slab->start, count);
    inherit_open(old, slab);
    return true;
}

/* Move the block to a longer range. NULL: the block is where it was. */
static void *move(struct slab *old, size_t good)
{
    bool is_zero;
    char *block = huge_take(good, SUPERSLAB_SIZE, old->owner, &is_zero);
    if (!block)
        return NULL;
    struct slab *slab = slab_find(block);
    bool is_copied;
    if (!move_pages(old, slab, is_zero, &is_copied))
        return NULL;
    prepare(slab, old->size, density_is_written(block, old->size));
    huge_of(slab)->used = huge_of(slab)->count << SUPERSLAB_SHIFT;
    give_moved(old, is_copied);
    return block;
}

/* A block that grows by little is probably being appended to, and will grow again. It gets 1/32
 * more than its old size, as far as the superslabs reach that it needs anyway. */
static size_t with_slack(size_t old_size, size_t good)
{
    if (good <= old_size || good - old_size > old_size / 32)
        return good;
    return min_size(align_up(old_size + old_size / 32, os_page_size()), superslabs_for(good)
                                                                            << SUPERSLAB_SHIFT);
}

/* Resize within the range, which must be long enough. */
static void resize_here(struct slab *slab, size_t good)
{
    size_t old_size = slab->size;
    bool is_dense = good > old_size && density_is_written(slab->start, old_size);
    density_end(slab->start, old_size);
    add_bytes((ptrdiff_t)good - (ptrdiff_t)old_size);
    if (good < old_size) {
        shrink(slab, good);
        return;
    }
    slab->size = good;
    huge_of(slab)->used = max_size(huge_of(slab)->used, good);
    prepare(slab, old_size, is_dense);
    leave_tail(slab->start, huge_of(slab)->count, good, good);
}

void *huge_resize(void *block, size_t size)
{
    struct slab *slab = slab_find(block);
    size_t good = huge_good_size(size);
    if (good == 0)
        return NULL;
    good = with_slack(slab->size, good);
    size_t count = superslabs_for(good);
    size_t old_count = huge_of(slab)->count;
    if (good >= COMMIT_ASK_MIN && good > slab->size && !os_could_commit(good - slab->size))
        return NULL;
    tail_take_back(slab->start, old_count);
    if (count > old_count && !superslab_range_extend(slab->start, old_count, count)) {
        void *moved = move(slab, good);
        if (!moved)
            leave_tail(slab->start, old_count, slab->size, slab->size);
        return moved;
    }
    if (count > old_count)
        huge_of(slab)->count = count;
    resize_here(slab, good);
    return block;
}
