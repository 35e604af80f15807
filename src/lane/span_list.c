/* SPDX-License-Identifier: MIT */
/*
 * The spans of a first-class heap, in a list so that destroying the heap finds them. A span of the
 * process's own is in no list: its record's owner is NULL.
 */
#include "lane/lane.h"

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
