/* SPDX-License-Identifier: MIT */
/*
 * Which blocks are sampled: each thread draws the number of bytes to its next sample. Every byte is
 * as likely to be hit as any other, and each block has one more than was asked for, so that blocks
 * of no bytes count too. So a block of `size` bytes is sampled with the probability
 * 1 - exp(-(size + 1) / interval), and stands for the inverse of it. sampling.c
 */
#ifndef HAK_WATCH_SAMPLING_H
#define HAK_WATCH_SAMPLING_H

#include "base/base.h"

/* Weights are counted in 1/256, so that the part after the point survives. */
#define SAMPLING_ONE 256

/* Purpose: what a thread knows of its next sample. Owner: the thread; `floor` also whoever starts
 * profiling. All zero at its start. */
struct sampling {
    int64_t left;          /* bytes that pass before the one that is hit */
    _Atomic int64_t floor; /* 0; or more than any `left`: draw anew */
    uint64_t random;       /* of xorshift64*; 0: not seeded */
    uint32_t epoch;        /* of the profile in which `left` was drawn; 0: in none */
};

/* The epoch of the profile: it changes when profiling starts, so that nothing of what was drawn
 * before counts. Never 0 while profiling is on. */
extern _Atomic uint32_t sampling_epoch;

/* Is a block of this size passed over? False: nothing is counted, and sampling_hits has to
 * decide. */
static always_inline bool sampling_passes(struct sampling *state, size_t size)
{
    int64_t left = state->left + (int64_t)~size; /* less size + 1 */
    /* relaxed: a thread may learn a little later that profiling has started */
    if (unlikely(left < atomic_load_explicit(&state->floor, memory_order_relaxed)))
        return false;
    state->left = left;
    return true;
}

/* The epoch has changed: the thread draws anew at its next block. */
void sampling_restart(struct sampling *state);
/* Count a block: is it to be sampled? */
bool sampling_hits(struct sampling *state, size_t size, uint64_t interval);
/* A geometric distance from a random number that is not 0: at least 1, on average `interval`. */
uint64_t sampling_distance(uint64_t interval, uint64_t random);
/* For how many blocks of its size a sampled one stands, in 1/256. */
uint64_t sampling_weight(uint64_t interval, uint64_t size);
/* The next number of the generator. */
uint64_t sampling_random(struct sampling *state);

#endif
