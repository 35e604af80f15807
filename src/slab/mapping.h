/* SPDX-License-Identifier: MIT */
/*
 * What of the window is mapped, and in how many mappings: superslabs are opened and closed, left
 * out of core dumps and included, and pages are moved between them.
 */
#ifndef HAK_SLAB_MAPPING_H
#define HAK_SLAB_MAPPING_H

#include "slab/slab.h"

/* Is address space rationed, so that free superslabs must not stay mapped? */
bool mapping_is_rationed(void);
void mapping_review(void); /* has a limit been set meanwhile? No lock may be held */
/* Map superslabs [first, first + count), and include them in core dumps. OS_MAP_OCCUPIED: one of
 * them is the program's mapping, and has been set aside. */
enum os_map_result mapping_open_locked(size_t first, size_t count);
/* Slabs of a superslab have been marked free. Where address space is rationed, it is unmapped if it
 * is wholly free. If the kernel refuses, it is kept for the next taker, and reads as zero then. */
void mapping_note_free_locked(struct superslab *superslab);
/* Open a superslab that was never used, unless there is one: attributes.c compares with it. */
void mapping_open_witness_locked(void);

/* ---- core dumps ---- */

/* Is a superslab left out? Without the lock it may change at once. */
bool mapping_is_left_out(size_t index);
/* The pages of a superslab are gone: leave it out, with its neighbours, if all are free. */
void mapping_leave_out(const struct superslab *superslab);

/* ---- seams: superslabs whose pages were moved in ---- */

/* May the pages of `count` superslabs be moved elsewhere? They are a mapping of their own there, or
 * several, until they go, and there may not be many. */
bool mapping_may_move(const char *from, size_t count);
/* That has happened. */
void mapping_note_moved(const char *from, char *to, size_t count);
/* Make unused superslabs part of the reservation's mapping again; their pages go. False when it
 * cannot be done: nothing has changed. */
bool mapping_rejoin(struct superslab *superslab, size_t count);
/* Are there any into which pages were moved? */
bool mapping_has_moved(const struct superslab *superslab, size_t count);

#endif
