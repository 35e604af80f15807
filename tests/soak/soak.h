/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the soak share: blocks whose content is checked, the failures that are
 * injected, and what a load is. A load is a set of functions that workers call; soak.c owns the
 * workers, the phases and the figures, blocks.c the blocks, server.c and shapes.c the loads.
 *
 * All bookkeeping comes from mmap, so that what malloc gives out is what the soak counts as live.
 */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include "hang.h"
#include "harness.h"
#include "pattern.h"

#include <stdatomic.h>

#define SOAK_KIB ((size_t)1024)
#define SOAK_MIB (1024 * SOAK_KIB)

/* ---- blocks.c ---- */

/* Purpose: one worker's counts. Written by that worker; read by any thread, so each is atomic.
 * live: bytes asked for and not freed; blocks change hands, so one worker's may be negative. */
struct tally {
    _Alignas(64) _Atomic int64_t live;
    _Atomic uint64_t operations; /* calls into the allocator */
    _Atomic uint64_t refused;    /* those that gave NULL and ENOMEM */
};

/* Purpose: one block, full of the pattern of `key`; start is NULL when there is none. */
struct block {
    unsigned char *start;
    size_t size;
    uint64_t key;
};

/* One line on standard error, and the soak will end with status 1. */
__attribute__((format(printf, 1, 2))) void soak_error(const char *format, ...);
uint64_t soak_errors(void);

/* A block of malloc, or at times of calloc or aligned_alloc by what `random` says. False when it
 * was refused, which is an error unless failures are injected. */
bool block_get(struct tally *tally, struct block *block, size_t size, uint64_t *random);
/* The block made larger or smaller, its content checked. False when refused: it is as it was. */
bool block_resize(struct tally *tally, struct block *block, size_t size);
/* The block's content checked, and the block freed. */
void block_put(struct tally *tally, struct block *block);
void block_check(const struct block *block);
/* A size in [low, high): each power of two as likely as the next. */
size_t block_size(uint64_t *random, size_t low, size_t high);

/* Have `per_mille` of the allocator's calls to the kernel fail from now on. */
void faults_inject(uint64_t per_mille);
uint64_t faults_injected(void);

/* ---- queue.c: blocks that change hands ---- */

typedef void soak_visit(const struct block *block);

/* False when the queue is full; the block is the queue's otherwise. */
bool queue_push(struct block *block);
bool queue_pop(struct block *block);
/* While no worker runs. */
void queue_visit(soak_visit *visit);

/* ---- loads ---- */

/* Purpose: what a slot's threads own, one after the other. Only the slot's thread touches it while
 * a load runs, only the main thread while all workers rest. */
struct worker {
    struct tally tally;
    unsigned number;
    uint64_t random;
    struct block *blocks; /* the load's own table of `load->slots` blocks */
};

struct load {
    const char *name;
    unsigned period; /* of the sizes: cycle n has those of cycle n - period */
    size_t slots;    /* blocks in each worker's table */
    /* before the first phase, by the main thread; NULL where there is nothing to do */
    void (*start)(void);
    /* some work; `cycle` counts the phases of load */
    void (*step)(struct worker *worker, unsigned cycle);
    /* a worker's thread ends, and leaves its table to the next; NULL: all of it */
    void (*leave)(struct worker *worker);
    /* While all rest, where the load has blocks outside the workers' tables: give up most of them,
     * all of them at the end, and show each. NULL where it has none. */
    void (*shrink)(struct tally *tally, uint64_t *random);
    void (*drain)(struct tally *tally);
    void (*visit)(soak_visit *visit);
    /* Does the block in this slot of a worker's table stay while all rest? */
    bool (*stays)(size_t slot);
};

extern const struct load load_server, load_handover, load_shift, load_pins;

/* Forked children so far; forks are counted by the loads. */
extern _Atomic uint64_t soak_forks;

#endif
