/* SPDX-License-Identifier: MIT */
/*
 * The purge of warm slabs: those that have been warm for the decay time, or all.
 */
#ifndef HAK_SLAB_PURGE_H
#define HAK_SLAB_PURGE_H

#include "slab/slab.h"

/* Begin a new epoch if it is time, and do a bounded part of the purge of slabs that have been warm
 * for the decay time. Cheap otherwise. The caller may hold no lock. Returns true when a new epoch
 * began: the caches above may age then. */
bool purge_poll(void);
/* Purge all slabs that have been warm for the decay time, at once. */
void purge_due(void);
/* Purge all warm slabs. Returns the bytes. The caller may hold no lock. */
size_t purge_warm(void);
/* Are there warm slabs, and may they decay? */
bool purge_is_due(void);

/* Purpose: a purge of warm slabs of one superslab. The slabs `taken` are out of use meanwhile. They
 * are all slabs of the superslab if none is in use and none stays warm; else they are the purged
 * ones. */
struct purge {
    struct superslab *superslab;
    uint32_t slabs;
    uint32_t taken;
    bool is_huge_page; /* `slabs` are all of the superslab, and may be one huge page */
};
/* Choose the warm slabs of purge->superslab that are at least `min_age` epochs old, and take them
 * out of use. purge->slabs may become 0. */
void purge_choose_locked(struct purge *purge, unsigned min_age);
/* Purge the chosen slabs and make them free again. The caller holds the decay lock and no other.
 * Returns the bytes. */
size_t purge_superslab(const struct purge *purge);

#endif
