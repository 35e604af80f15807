/* SPDX-License-Identifier: MIT */
/*
 * Owns the lane of the adaptive cache of extents (ACE): spans above 52 KiB and up to 2 MiB, each a
 * run of slabs. A freed span becomes warm free slabs: they merge with their neighbours at once,
 * serve any lane, and decay. A span of a size that the program usually writes through is made
 * present at once. No cache of spans may be kept here.
 */
#include "lane/ace.h"
#include "lane/density.h"
#include "slab/attributes.h"
#include "slab/drain.h"
#include "slab/huge_page.h"
#include "slab/slab_run.h"

static unsigned map_byte(const struct slab *slab)
{
    return slab->owner ? CLASS_OWNED : slab->size_class;
}

static unsigned pages_of(size_t bytes)
{
    size_t page = os_page_size();
    return (unsigned)(align_up(bytes, page) / page);
}

void ace_make_present(void *block, size_t bytes)
{
    slab_run_populate(slab_find(block), pages_of(bytes));
}

/* Make a new span present if the program is expected to write all of it. A fresh span may be chosen
 * for watching; a span whose slabs were used before is judged by earlier spans only. */
static void prepare(struct slab *slab, bool is_zero)
{
    if (slab->resident >= pages_of(slab->size))
        return;
    bool is_fresh = is_zero && slab->resident == 0;
    bool is_expected = is_fresh ? density_expect(slab->start, slab->size)
                                : density_is_expected(slab->size);
    if (!is_expected && settings.huge_pages != HUGE_PAGES_ALWAYS)
        return;
    if (!huge_page_back_run(slab) && is_expected)
        slab_run_populate(slab, pages_of(slab->size));
}

void *ace_take(unsigned size_class, struct span_list *list, bool *is_zero)
{
    const struct size_class *row = &size_classes[size_class];
    struct slab *slab = slab_run_take(row->slabs, is_zero);
    if (!slab)
        return NULL;
    slab->size_class = (uint8_t)size_class;
    slab->size = row->size;
    slab->state = SLAB_ACE;
    prepare(slab, *is_zero);
    span_list_add(list, slab);
    slab_map_set(slab->start, 1, map_byte(slab));
    span_count_refill(size_class);
    return slab->start;
}

void ace_make_plain(struct slab *slab)
{
    /* the whole run: the block may have been longer */
    if (attributes_undo(slab->start, (size_t)slab->slab_count << SLAB_SHIFT))
        slab->resident = 0;
}

void ace_give(void *block)
{
    struct slab *slab = slab_find(block);
    /* the front layer knows the changes to blocks that bins may keep, and has undone them */
    if (slab->owner || slab->size > BIN_BLOCK_MAX)
        slab_run_doubt(slab);
    span_list_remove(slab);
    density_end(slab->start, slab->size);
    if (density_is_expected(slab->size))
        slab->resident = (uint16_t)max_size(slab->resident, pages_of(slab->size));
    span_count_flush(slab->size_class);
    size_t bytes = (size_t)slab->slab_count << SLAB_SHIFT;
    slab_run_give(slab);
    drain_after_give(bytes);
}

bool ace_resize(void *block, unsigned size_class)
{
    const struct size_class *row = &size_classes[size_class];
    struct slab *slab = slab_find(block);
    density_end(slab->start, slab->size);
    if (row->slabs > slab->slab_count) {
        if (!slab_run_extend(slab, row->slabs))
            return false;
    } else if (row->slabs < slab->slab_count) {
        size_t bytes = (size_t)(slab->slab_count - row->slabs) << SLAB_SHIFT;
        slab_run_shrink(slab, row->slabs);
        drain_after_give(bytes);
    }
    span_count_flush(slab->size_class);
    span_count_refill(size_class);
    slab->size_class = (uint8_t)size_class;
    slab->size = row->size;
    slab_map_set(slab->start, 1, map_byte(slab));
    return true;
}
