/* SPDX-License-Identifier: MIT */
/*
 * What is kept of samples: by call stack what was allocated and what is live, and each live sample
 * by its address. Readers from outside find all of it through diag/root.h; nothing here moves, and
 * no memory is given back, once profiling has been on. profile.c
 */
#ifndef HAK_WATCH_PROFILE_H
#define HAK_WATCH_PROFILE_H

#include "lane/size_class.h"
#include "stack/stack.h"
#include "watch/sampling.h"

/* The stack number of samples whose stack could not be kept. No stack has it. */
#define PROFILE_NO_STACK 1u
/* The deepest stack that is kept. */
#define PROFILE_DEPTH 64
#define PROFILE_LIFETIMES 32

/* Who wants profiling: bits of profile.is_on. A tracer of the probes counts as one. */
enum profile_client { PROFILE_BY_PROGRAM = 1, PROFILE_BY_COMMAND = 2, PROFILE_BY_TRACER = 4 };

/* In the table of samples: the slot's sample was freed; those behind it may be of the same hash. */
#define PROFILE_DELETED 1

/*
 * Purpose: all samples of one stack and one label. Owner: the profile's lock; read without. Every
 * number is an estimate, the sum of the samples' weights: counts in 1/SAMPLING_ONE, bytes whole.
 * Invariant: `stack` 0 is an empty slot; a slot is never emptied. At the heap's peak was live what
 * peak_count and peak_bytes say if peak_epoch is that of the profile; else nothing has changed
 * since, and live_count and live_bytes say it.
 */
struct profile_site {
    _Atomic uint32_t stack; /* of the store; written last */
    uint32_t label;         /* of hak_alloc_at; else 0 */
    _Atomic uint64_t alloc_count;
    _Atomic uint64_t alloc_bytes;
    _Atomic uint64_t live_count;
    _Atomic uint64_t live_bytes;
    _Atomic uint64_t requested_bytes; /* of all that was allocated */
    _Atomic uint64_t peak_count;
    _Atomic uint64_t peak_bytes;
    _Atomic uint64_t peak_epoch;
    _Atomic uint32_t lifetimes[PROFILE_LIFETIMES]; /* samples freed, not weighted: [0] within 1 ms,
                                                      [n] after 2^(n-1) ms and before 2^n */
};

/* Purpose: a live sample. Owner: the profile's lock; `address` is also read without, by the thread
 * that frees the block. Invariant: address 0 is a slot that was never used since the chains of
 * hashes through it ended. */
struct profile_sample {
    _Atomic uint64_t address; /* of the block; 0: empty; PROFILE_DELETED */
    uint64_t weight_256;      /* the blocks that it stands for, in 1/SAMPLING_ONE */
    uint64_t size;            /* usable bytes */
    uint64_t requested;
    uint32_t site;   /* its number in the table of sites */
    uint32_t thread; /* by the kernel's number; 0: not known */
    uint64_t at_ms;  /* of os_now_ms, CLOCK_MONOTONIC */
};

/* Purpose: the profile. Owner: `lock`, a leaf but for the slab map; the tables and their sizes are
 * made once, before is_on is set for the first time. */
struct profile {
    struct lock lock;
    _Atomic uint32_t is_on;         /* bits of enum profile_client; 0: off */
    _Atomic uint64_t interval;      /* mean bytes from sample to sample; 1: every block */
    uint64_t started_ms;            /* since 1970, when profiling first started; 0: never */
    uint64_t started_at_ms;         /* the same moment by os_now_ms */
    uint64_t dropped_from_ms;       /* at its end, samples since then are dropped; by os_now_ms */
    struct stack_store *stacks;     /* NULL: the tables were never made */
    struct profile_site *sites;     /* by stack and label, open addressing */
    struct profile_sample *samples; /* by address, open addressing */
    uint32_t site_slots;            /* powers of two */
    uint32_t sample_slots;
    uint32_t site_count;
    _Atomic uint32_t sample_count;
    _Atomic uint64_t live_bytes;      /* of all sites */
    _Atomic uint64_t peak_bytes;      /* the most that live_bytes has been */
    _Atomic uint64_t peak_epoch;      /* how often there was a new peak */
    _Atomic uint64_t dropped_sites;   /* samples not kept: no room for their site */
    _Atomic uint64_t dropped_samples; /* counted as allocated, but not as live: no room */
};
extern struct profile profile;

static always_inline bool profile_is_on_for(enum profile_client client)
{
    /* relaxed: a thread may learn a little later that it has changed */
    return (atomic_load_explicit(&profile.is_on, memory_order_relaxed) & client) != 0;
}

static always_inline bool profile_is_on(void)
{
    /* acquire: the tables were made before */
    return atomic_load_explicit(&profile.is_on, memory_order_acquire) != 0;
}

/* May there be samples? Then frees of blocks whose map byte is no class must ask. */
static always_inline bool profile_has_samples(void)
{
    /* relaxed: whoever frees a sampled block knows of it from who allocated it */
    return atomic_load_explicit(&profile.sample_count, memory_order_relaxed) != 0;
}

/* Make the tables, in at most `bytes`; once. False when memory cannot be had. */
bool profile_make(size_t bytes);
/*
 * Sample from now on, for this client too. The tables must have been made. The first client sets
 * the interval; after that the program may change it. What was live at the peak is counted anew if
 * the first client is not the program.
 */
void profile_begin(enum profile_client client, uint64_t interval);
/* The client has enough. If nobody is left, and the program has not wanted profiling meanwhile, the
 * samples that were taken for the others are dropped, so that frees are as fast as before. */
void profile_end(enum profile_client client);

/* Purpose: a block that was sampled. */
struct profile_event {
    const void *block;
    size_t size;      /* usable bytes */
    size_t requested; /* bytes */
    uint32_t stack;   /* a number of profile.stacks, or PROFILE_NO_STACK */
    uint32_t label;
    uint32_t thread;
};
void profile_add(const struct profile_event *event);
/* Is there a live sample of this block? Takes no lock; only for who owns the block. */
bool profile_has(const void *block);
/* The block is about to be freed: end its sample, if it has one. */
void profile_forget(const void *block);
/* The same for every sampled block of which `is_gone` says so. */
void profile_forget_each(bool (*is_gone)(const void *block, const void *context),
                         const void *context);

#endif
