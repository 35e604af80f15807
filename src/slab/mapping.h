/* SPDX-License-Identifier: MIT */
/*
 * The mappings of superslabs: superslabs are opened (mapped) and closed (unmapped), left out of
 * core dumps and included, and pages are moved between them.
 */
#ifndef HAK_SLAB_MAPPING_H
#define HAK_SLAB_MAPPING_H

#include "slab/slab.h"

/* Is address space rationed? Free superslabs are unmapped then. */
bool mapping_is_rationed(void);
void mapping_review(void); /* ration if a limit was set; hold no lock */
/* Map superslabs [first, first + count), and include them in core dumps. OS_MAP_OCCUPIED: the
 * program has a mapping in one of them, which is set aside now. */
enum os_map_result mapping_open_locked(size_t first, size_t count);
/* Slabs of a superslab have been marked free. Where address space is rationed, a wholly free
 * superslab is unmapped. If the kernel refuses, it stays mapped for the next taker, and its pages
 * are zeroed. */
void mapping_note_free_locked(struct superslab *superslab);
/* Open a superslab that was never used, if none is open: attributes.c compares mappings with it. */
void mapping_open_witness_locked(void);

/* ---- core dumps ---- */

/* Is a superslab left out of core dumps? Without the lock the answer may change at once. */
bool mapping_is_left_out(size_t index);
/* The pages of a superslab are gone: leave it and the superslabs around it out of core dumps, if
 * all of them are free. */
void mapping_leave_out(const struct superslab *superslab);

/* ---- seams: borders of mappings, made when pages are moved ---- */

/* May the pages of `count` superslabs be moved elsewhere? Moved pages are one or more mappings of
 * their own until they are purged. The number of such mappings is bounded. */
bool mapping_may_move(const char *from, size_t count);
/* The pages have been moved. */
void mapping_note_moved(const char *from, char *to, size_t count);
/* Make unused superslabs part of the reservation's mapping again. Their pages are dropped. False
 * when it cannot be done: nothing has changed. */
bool mapping_rejoin(struct superslab *superslab, size_t count);
/* Were pages moved into any of these superslabs? */
bool mapping_has_moved(const struct superslab *superslab, size_t count);

#endif
