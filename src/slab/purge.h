/* SPDX-License-Identifier: MIT */
/*
 * The end of the warm pool: slabs that have been warm for the decay time.
 */
#ifndef HAK_SLAB_PURGE_H
#define HAK_SLAB_PURGE_H

#include "slab/slab.h"

/* Begin a new epoch, if it is time, and go on with a bounded part of purging slabs that have been
 * warm for longer than the decay time. Cheap otherwise. No lock may be held. Returns true when a
 * new epoch began: caches above may then age their own. */
bool purge_poll(void);
/* The rest of that purge, at once. */
void purge_due(void);
/* Purge all that is warm. Returns the bytes given back. No lock may be held. */
size_t purge_warm(void);
/* Are free slabs warm, and may they decay? */
bool purge_is_due(void);

/* Purpose: a purge of warm slabs of one superslab. The slabs `taken` are out of use meanwhile: all
 * of the superslab, if none of it is in use and none stays warm. */
struct purge {
    struct superslab *superslab;
    uint32_t slabs;
    uint32_t taken;
    bool is_huge_page; /* all of them, and they may be one huge page */
};
/* Take those warm slabs of purge->superslab out of use that are `min_age` epochs old: purge->slabs,
 * which may be none. */
void purge_choose_locked(struct purge *purge, unsigned min_age);
/* Give them to the kernel and make them free again. Under the decay lock alone. Returns the
 * bytes. */
size_t purge_superslab(const struct purge *purge);

#endif
