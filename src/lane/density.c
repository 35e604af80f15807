/* SPDX-License-Identifier: MIT */
/*
 * Learns which sizes of ACE spans and Huge blocks the program writes through. A fresh block of such
 * a size is made present in one call instead of page by page; a block that is used sparsely is not.
 * The table has a row for each ACE class, and one for each doubling above. One block of a row at a
 * time is watched: it gets no pages ahead, and when it is given back, or the next fresh block is
 * taken, the kernel says how much of it is present. A size that was never watched is assumed to be
 * dense if the last 8 verdicts of all sizes were. This file asks the kernel, so it may never be
 * used on a fast path.
 */
#include "lane/density.h"
#include "lane/size_class.h"

/* A dense size is watched again every so many fresh blocks. */
#define WATCH_EVERY 16

/* A block is sampled in this many places of up to PLACE_PAGES pages each. */
#define PLACES 8
#define PLACE_PAGES ((size_t)64)

/* Purpose: the knowledge of one size. Owner: the lock of the table; the fields are also read
 * without it. A watched block is live. */
struct row {
    char *watched;
    size_t size;
    uint16_t fresh; /* fresh blocks taken while the size counted as dense */
    bool is_known;
    bool is_dense; /* valid if is_known */
};

#define ROWS (CLASS_ACE_LAST - CLASS_POOL_LAST + 64)

state_data struct lock density_lock;

static state_data struct {
    uint8_t last; /* the last 8 verdicts of all rows, one bit each: 1 is dense */
    struct row rows[ROWS];
} density;

static struct row *row_of(size_t size)
{
    /* a Huge block may have a small size and a large alignment */
    if (size <= LANE_ACE_MAX)
        return &density.rows[size_class_of(max_size(size, LANE_ACE_MIN)) - CLASS_POOL_LAST - 1];
    return &density.rows[CLASS_ACE_LAST - CLASS_POOL_LAST + highest_bit(size - 1)];
}

bool density_is_written(char *start, size_t size)
{
    size_t page = os_page_size();
    size_t pages = size / page;
    size_t step = max_size(pages / PLACES, 1);
    size_t looked = 0;
    size_t present = 0;
    for (size_t at = 0; at < pages; at += step) {
        size_t count = min_size(min_size(step, PLACE_PAGES), pages - at);
        present += os_present_pages(start + at * page, count);
        looked += count;
    }
    return looked > 0 && present >= looked - looked / 8;
}

static void judge_locked(struct row *row)
{
    bool is_dense = density_is_written(row->watched, row->size);
    word_store(&density.last, (uint8_t)(density.last << 1 | is_dense));
    word_store(&row->is_dense, is_dense);
    word_store(&row->is_known, true);
    word_store(&row->watched, NULL);
}

/* Also called without the lock: the answer may be a moment old. */
static bool is_dense(const struct row *row)
{
    return word_load(&row->is_known) ? word_load(&row->is_dense) : word_load(&density.last) == 0xff;
}

bool density_expect(char *start, size_t size)
{
    struct row *row = row_of(size);
    lock_acquire(&density_lock);
    if (row->watched)
        judge_locked(row);
    bool is_expected = is_dense(row) && ++row->fresh % WATCH_EVERY != 0;
    if (!is_expected) {
        row->size = size;
        word_store(&row->watched, start);
    }
    lock_release(&density_lock);
    return is_expected;
}

bool density_is_expected(size_t size)
{
    return is_dense(row_of(size));
}

void density_end(const char *start, size_t size)
{
    struct row *row = row_of(size);
    /* without the lock: only the owner of a live block ends it, so the comparison cannot become
     * true */
    if (likely(word_load(&row->watched) != start))
        return;
    lock_acquire(&density_lock);
    if (row->watched == start)
        judge_locked(row);
    lock_release(&density_lock);
}
