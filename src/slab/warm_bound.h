/* SPDX-License-Identifier: MIT */
/*
 * How much may stay backed by pages while it is free.
 */
#ifndef HAK_SLAB_WARM_BOUND_H
#define HAK_SLAB_WARM_BOUND_H

#include "slab/slab.h"

/* Purpose: the figures of warm_bound.c; lock-free, and no more than figures. In slabs, but for the
 * last two, which are bytes. */
struct warm_bound {
    _Atomic size_t doublings; /* of the bound */
    _Atomic size_t wished;    /* the program wants at least so much to stay: mallopt */
    _Atomic size_t regretted; /* purged for the bound and taken again soon, since it doubled */
    _Atomic size_t used;      /* taken from the upper half of the bound */
    _Atomic size_t quiet;     /* epochs since that was last a part worth mentioning */
    _Atomic unsigned refused; /* 1 + the epoch in which the kernel has refused a purge */
    _Atomic bool is_draining; /* gives pay until less than the bound is warm */
    _Atomic int64_t loose;    /* free, present, and in partly used slabs */
    _Atomic int64_t hollow;   /* the same, present or not */
};
extern struct warm_bound warm_bound;

/* The program wishes that so many bytes stay warm: a floor of the bound, below SS_CACHE_MAX. */
void warm_bound_wish(size_t bytes);
/* Partly used slabs have `loose` more bytes of free blocks that are present, and `hollow` more that
 * are present or not. */
void warm_bound_note_loose(ptrdiff_t loose, ptrdiff_t hollow);
/* Is more warm than this many quarters of the bound, free blocks of partly used slabs included? */
bool warm_bound_is_over(unsigned quarters);
/* The pages of this many slabs, purged not long ago because too much was warm, are used again. */
void warm_bound_note_return(size_t slabs);
/* The most slabs that may be warm. 0: nothing is kept. */
size_t warm_bound_slabs(void);
/* Slabs of a superslab are about to be taken. Under the superslab lock. */
void warm_bound_note_take(struct superslab *superslab, uint32_t slabs);
/* This many epochs have begun. */
void warm_bound_pass(unsigned epochs);

#endif
