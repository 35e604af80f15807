/* SPDX-License-Identifier: MIT */
/*
 * Owns the lists of owned heaps' spans, so that a heap that is destroyed finds its spans. A span of
 * the process is in no list: its record's owner is NULL. Also owns the figures of spans: how many
 * were refilled and flushed, and the bytes of live Huge blocks. ACE and Huge count them. No figure
 * may ever show more spans flushed than refilled.
 */
#include "lane/span_list.h"

state_data struct span_figures span_figures[SPAN_CLASSES];
state_data _Atomic size_t huge_bytes;

struct traffic span_traffic(unsigned size_class)
{
    const struct span_figures *figures = span_figures_of(size_class);
    /* in this order, so that no span appears as flushed but not as refilled */
    uint64_t flushed = atomic_load_explicit(&figures->flushed, memory_order_acquire);
    return (struct traffic){atomic_load_explicit(&figures->refilled, memory_order_relaxed),
                            flushed};
}

size_t span_bytes(void)
{
    size_t bytes = atomic_load_explicit(&huge_bytes, memory_order_relaxed);
    for (unsigned size_class = CLASS_POOL_LAST + 1; size_class <= CLASS_ACE_LAST; size_class++) {
        struct traffic traffic = span_traffic(size_class);
        bytes += (size_t)(traffic.refilled - traffic.flushed) * size_classes[size_class].size;
    }
    return bytes;
}

void span_list_add(struct span_list *list, struct slab *slab)
{
    slab->owner = list;
    if (!list)
        return;
    lock_acquire(&list->lock);
    slab->prev = NULL;
    slab->next = list->first;
    if (slab->next)
        slab->next->prev = slab;
    list->first = slab;
    lock_release(&list->lock);
}

void span_list_remove(struct slab *slab)
{
    struct span_list *list = slab->owner;
    if (!list)
        return;
    lock_acquire(&list->lock);
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        list->first = slab->next;
    if (slab->next)
        slab->next->prev = slab->prev;
    lock_release(&list->lock);
    slab->owner = NULL;
}
