/* SPDX-License-Identifier: MIT */
/*
 * The bound on warm memory: the most free memory that may stay backed by pages.
 */
#ifndef HAK_SLAB_WARM_BOUND_H
#define HAK_SLAB_WARM_BOUND_H

#include "slab/slab.h"

/* Purpose: the figures of warm_bound.c. They are lock-free, and nothing else depends on them.
 * Units: slabs; the last two are in bytes. */
struct warm_bound {
    _Atomic size_t doublings; /* of the bound */
    _Atomic size_t wished;    /* the least bound that the program has asked for: mallopt */
    _Atomic size_t regretted; /* purged for the bound and soon taken again */
    _Atomic size_t used;      /* taken from the upper half of the bound */
    _Atomic size_t quiet;     /* epochs since `used` last reached its mark */
    _Atomic unsigned refused; /* 1 + the epoch in which the kernel last refused a purge */
    _Atomic bool is_draining; /* frees purge until less than the bound is warm */
    _Atomic int64_t loose;    /* free blocks in partly used slabs, present */
    _Atomic int64_t hollow;   /* the same, present or absent */
};
extern struct warm_bound warm_bound;

/* The program wishes that this many bytes may stay warm: the least value of the bound, at most
 * SS_CACHE_MAX. */
void warm_bound_wish(size_t bytes);
/* Partly used slabs have `loose` more bytes of free blocks that are present, and `hollow` more
 * bytes of free blocks in all. */
void warm_bound_note_loose(ptrdiff_t loose, ptrdiff_t hollow);
/* Is more memory warm than this many quarters of the bound, with the free blocks of partly used
 * slabs? */
bool warm_bound_is_over(unsigned quarters);
/* The pages of this many slabs are used again, which were purged a short time ago because too much
 * was warm. */
void warm_bound_note_return(size_t slabs);
/* The bound: the most slabs that may be warm. 0: no slab stays warm. */
size_t warm_bound_slabs(void);
/* Slabs of a superslab are about to be taken. The caller holds the superslab lock. */
void warm_bound_note_take(struct superslab *superslab, uint32_t slabs);
/* This many epochs have begun. */
void warm_bound_pass(unsigned epochs);

#endif
