/* SPDX-License-Identifier: MIT */
/*
 * Marks bins as watched, from outside. The bottom of a bin is an address, so its top byte is 0. The
 * mark is the top bit of this byte, and only this byte is written. So whatever the thread does
 * meanwhile, the other seven bytes are the thread's: the word is the bottom before or after, with
 * the mark or without.
 *
 * The list of caches is the target's, so it may lie. Each cache must lie entirely in the metadata,
 * which heap/copy.c has found to be private memory of the process, at an address that a cache can
 * have. So a write there can harm only the process.
 */
#include "heap/nudge.h"

#include <errno.h>

#include "heap/process.h"
#include "heap/target_read.h"

/* The byte of a little-endian word that has the mark. */
#define MARK_BYTE (sizeof(void *) - 1)
#define MARK ((uint8_t)(BIN_WATCHED >> (8 * MARK_BYTE)))
_Static_assert(BIN_WATCHED == (uintptr_t)MARK << (8 * MARK_BYTE), "the mark is in one byte");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the last byte is the top byte");

/* May a cache lie here? */
static bool is_place(const struct heap_view *view, uint64_t address)
{
    uint64_t start = (uintptr_t)view->meta.start;
    uint64_t end = (uintptr_t)view->meta.at;
    return address % sizeof(void *) == 0 && address >= start && address < end &&
           end - address >= sizeof(union seen_thread_cache);
}

/* A bin without a magazine has no blocks. A bin that is empty now may be filled at any time. */
static bool nudge_bins(struct target *target, uint64_t address,
                       const union seen_thread_cache *cache)
{
    const uint8_t mark = MARK;
    uint64_t bottoms = address + offsetof(union seen_thread_cache, bottom);
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        uintptr_t bottom = (uintptr_t)cache->bottom[c];
        if (bottom == 0 || bottom & BIN_WATCHED)
            continue;
        if (!target_write(target, bottoms + c * sizeof(void *) + MARK_BYTE, &mark, sizeof mark))
            return false;
    }
    return true;
}

bool nudge_threads(const struct heap_view *view)
{
    struct target *target = view->target;
    union seen_thread_caches list;
    union seen_thread_cache cache;
    if (!target_read(target, (uintptr_t)view->root.thread_caches, &list, sizeof list))
        return process_explain(target, ESRCH);
    /* at most as many caches as the metadata has room for: so a circular list ends */
    size_t most = (size_t)(view->meta.at - view->meta.start) / sizeof cache;
    uint64_t at = (uintptr_t)list.live;
    for (size_t i = 0; i < most && is_place(view, at); i++) {
        if (!target_read(target, at, &cache, sizeof cache))
            return process_explain(target, ESRCH);
        if (!nudge_bins(target, at, &cache))
            return false;
        at = (uintptr_t)cache.next;
    }
    return true;
}
