/* SPDX-License-Identifier: MIT */
/*
 * Learns which span sizes the program writes through, so that a fresh span of such a size is made
 * present in one call and not page by page, and one that is used sparsely is not. A row for each
 * ACE class and each doubling above. One span of a row at a time is watched: it gets no pages
 * ahead, and when it is given back, or the next fresh one is taken, the kernel says how much of it
 * is present. A size not seen before is taken to be like the others, if these agree. It asks
 * the kernel, so it may never be on a fast path.
 */
#include "lane/density.h"
#include "lane/size_class.h"

/* A size that is known to be written through is looked at again every so many fresh spans. */
#define WATCH_EVERY 16

/* A span is looked at in this many places of up to PLACE_PAGES pages. */
#define PLACES 8
#define PLACE_PAGES ((size_t)64)

/* Purpose: what is known of one size. Owner: lock of the table; `watched` is also compared without
 * it. A watched span is live. */
struct row {
    char *watched;
    size_t size;
    uint16_t fresh; /* fresh spans since the last watched one */
    bool is_known;
    bool is_dense; /* if known */
};

#define ROWS (CLASS_ACE_LAST - CLASS_POOL_LAST + 64)

state_data struct lock density_lock;

static state_data struct {
    uint8_t last; /* the last 8 verdicts of all rows, a bit each: 1 is dense */
    struct row rows[ROWS];
} density;

static struct row *row_of(size_t size)
{
    /* a Huge block may be small: its alignment is not */
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

/* Read without the lock too: a guess may be a moment old. */
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
    /* without the lock: only the owner of a live span ends it, so this cannot become true */
    if (likely(word_load(&row->watched) != start))
        return;
    lock_acquire(&density_lock);
    if (row->watched == start)
        judge_locked(row);
    lock_release(&density_lock);
}
