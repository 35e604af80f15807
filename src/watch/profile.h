/* SPDX-License-Identifier: MIT */
/*
 * The profile: for each call stack, the blocks and bytes that were allocated and that are live; and
 * each live sample by its address. The command reads all of it from outside, through diag/root.h.
 * So nothing moves, and no memory is given back, after profiling has been on once. profile.c
 */
#ifndef HAK_WATCH_PROFILE_H
#define HAK_WATCH_PROFILE_H

#include "lane/size_class.h"
#include "stack/stack.h"
#include "watch/sampling.h"

/* Stands for the stack of samples whose stack could not be kept. No stack has this number. */
#define PROFILE_NO_STACK 1u
/* The deepest stack that is kept. */
#define PROFILE_DEPTH 64
#define PROFILE_LIFETIMES 32

/* The clients, for which profiling can be on: bits of profile.is_on. All tracers of the probes are
 * one client. */
enum profile_client { PROFILE_BY_PROGRAM = 1, PROFILE_BY_COMMAND = 2, PROFILE_BY_TRACER = 4 };

/*
 * Purpose: a site: all samples of one stack and one label. Owner: the profile's lock; the command
 * reads it without. Every number is an estimate from weights: counts are in 1/SAMPLING_ONE block,
 * bytes in whole bytes. Invariant: a slot with `stack` 0 is empty; a slot never becomes empty
 * again. What was live at the heap's peak: if peak_epoch is the profile's, peak_count and
 * peak_bytes. Else the site has not changed since the peak, so live_count and live_bytes.
 */
struct profile_site {
    _Atomic uint32_t stack; /* its number in profile.stacks; written last */
    uint32_t label;         /* of hak_alloc_at; else 0 */
    _Atomic uint64_t alloc_count;
    _Atomic uint64_t alloc_bytes;
    _Atomic uint64_t live_count;
    _Atomic uint64_t live_bytes;
    _Atomic uint64_t requested_bytes; /* allocated bytes, before sizes were rounded up */
    _Atomic uint64_t peak_count;
    _Atomic uint64_t peak_bytes;
    _Atomic uint64_t peak_epoch;
    _Atomic uint32_t lifetimes[PROFILE_LIFETIMES]; /* samples freed, not weighted: [0] within 1 ms,
                                                      [n] after 2^(n-1) ms and before 2^n */
};

/* Purpose: a live sample: a sampled block that is not freed. Owner: the profile's lock; the thread
 * that frees a block reads `address` without. Invariant: `address` is not 0 as long as the index
 * leads to the sample. */
struct profile_sample {
    _Atomic uint64_t address; /* of the block; 0: not in use */
    uint64_t weight_256;      /* the blocks that it stands for, in 1/SAMPLING_ONE */
    uint64_t size;            /* usable bytes */
    uint64_t requested;
    uint32_t site;   /* its index in profile.sites; not in use: the next such sample, and 1 */
    uint32_t thread; /* that allocated it, the kernel's number; 0: not known */
    uint64_t at_ms;  /* when it was allocated, by os_now_ms (CLOCK_MONOTONIC) */
};

/* The memory for each sample: itself, and two slots each of the index and of the marks. */
#define PROFILE_SAMPLE_BYTES                                                                       \
    (sizeof(struct profile_sample) + 2 * (sizeof(uint32_t) + sizeof(uint64_t)))

/* Purpose: the profile. Owner: `lock`; its holder takes no other lock. The tables are made once,
 * before is_on is set for the first time. */
struct profile {
    struct lock lock;
    _Atomic uint32_t is_on;     /* bits of enum profile_client; 0: off */
    _Atomic uint64_t interval;  /* mean bytes from sample to sample; 1: every block */
    uint64_t started_ms;        /* since 1970, when profiling first started; 0: never */
    uint64_t started_at_ms;     /* the same moment by os_now_ms */
    uint64_t dropped_from_ms;   /* when profiling ends, samples since then are dropped: they were
                                       taken for a command or a tracer; by os_now_ms */
    struct stack_store *stacks; /* NULL: the tables were never made */
    struct profile_site *sites; /* by stack and label, open addressing */
    struct profile_sample *samples;
    _Atomic uint32_t *index; /* of samples, by address, open addressing: a number and 1 */
    uint32_t site_slots;     /* powers of two */
    uint32_t sample_slots;
    uint32_t samples_used; /* no sample behind was ever in use */
    uint32_t free_sample;  /* the first that is not in use any more, and 1; 0: none */
    uint32_t site_count;
    _Atomic uint32_t sample_count;
    _Atomic uint64_t live_bytes;      /* of all sites */
    _Atomic uint64_t peak_bytes;      /* the most that live_bytes has been */
    _Atomic uint64_t peak_epoch;      /* the number of new peaks so far */
    _Atomic uint64_t dropped_sites;   /* samples not kept: no room for their site */
    _Atomic uint64_t dropped_samples; /* samples counted as allocated, not as live: no room */
};
extern struct profile profile;

static always_inline bool profile_is_on_for(enum profile_client client)
{
    /* relaxed: a thread may notice a change a little later */
    return (atomic_load_explicit(&profile.is_on, memory_order_relaxed) & client) != 0;
}

static always_inline bool profile_is_on(void)
{
    /* acquire: a thread that sees profiling on sees the tables */
    return atomic_load_explicit(&profile.is_on, memory_order_acquire) != 0;
}

/* Are there live samples? If so, a free of a block whose slab map byte is no class must look for
 * one. */
static always_inline bool profile_has_samples(void)
{
    /* The thread that frees a sampled block got it, with this count, from the thread that allocated
     * it. acquire: if another thread has dropped the samples, its work on the slab is done */
    return atomic_load_explicit(&profile.sample_count, memory_order_acquire) != 0;
}

/* Make the tables, of at most `bytes` together, if they are not there yet. False: no memory. */
bool profile_make(size_t bytes);
/*
 * Sample from now on, for this client too. The tables must have been made. The first client sets
 * the interval; later only the program can change it. If the first client is not the program, the
 * peak is forgotten and measured from now on.
 */
void profile_begin(enum profile_client client, uint64_t interval);
/* Sample no more for this client. If it was the last, and the program was not a client since the
 * first one began, the samples since then are dropped, so that frees become as fast as before. */
void profile_end(enum profile_client client);

/* Purpose: a block that is to be sampled. */
struct profile_event {
    const void *block;
    size_t size;      /* usable bytes */
    size_t requested; /* bytes */
    uint32_t stack;   /* a number of profile.stacks, or PROFILE_NO_STACK */
    uint32_t label;
    uint32_t thread;
};
/* Add a sample. */
void profile_add(const struct profile_event *event);
/* Is this block sampled? Takes no lock: the caller must own the block. */
bool profile_has(const void *block);
/* The block is about to be freed: end its sample, if it has one. */
void profile_forget(const void *block);
/* End the sample of every block for which `is_gone` is true. */
void profile_forget_each(bool (*is_gone)(const void *block, const void *context),
                         const void *context);

#endif
