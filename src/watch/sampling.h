/* SPDX-License-Identifier: MIT */
/*
 * Decides which blocks are sampled. Each thread draws a random number of bytes to its next sample.
 * Every byte has the same chance to be hit. A block counts one byte more than was asked for, so
 * that blocks of 0 bytes count too. So a block of `size` bytes is sampled with the probability
 * p = 1 - exp(-(size + 1) / interval), and its weight, the number of blocks for which it stands, is
 * 1 / p. sampling.c
 */
#ifndef HAK_WATCH_SAMPLING_H
#define HAK_WATCH_SAMPLING_H

#include "base/base.h"

/* The unit of weights: a weight of 1 is 256, so that fractions are kept. */
#define SAMPLING_ONE 256

/* Purpose: a thread's way to its next sample. Owner: the thread; the thread that starts profiling
 * also writes `floor`. Starts as zeros. */
struct sampling {
    int64_t left;          /* bytes before the byte that is hit */
    _Atomic int64_t floor; /* 0; or INT64_MAX, more than any `left`: the thread must draw again */
    uint64_t random;       /* state of xorshift64*; 0: not seeded */
    uint32_t epoch;        /* the epoch in which `left` was drawn; 0: never drawn */
};

/* The epoch changes when profiling starts or gets another interval: distances that were drawn in an
 * earlier epoch do not count. Never 0 while profiling is on. */
extern _Atomic uint32_t sampling_epoch;

/* Count a block of this size, if it is certainly not sampled. False: it was not counted, and
 * sampling_hits must decide. */
static always_inline bool sampling_passes(struct sampling *state, size_t size)
{
    int64_t left = state->left + (int64_t)~size; /* less size + 1 */
    /* relaxed: a thread may notice a little later that profiling has started */
    if (unlikely(left < atomic_load_explicit(&state->floor, memory_order_relaxed)))
        return false;
    state->left = left;
    return true;
}

/* The epoch has changed: make the thread draw again at its next block. */
void sampling_restart(struct sampling *state);
/* Count a block. True: it is to be sampled. */
bool sampling_hits(struct sampling *state, size_t size, uint64_t interval);
/* The distance to the next sample, in bytes, from a random number that is not 0: geometrically
 * distributed, at least 1, on average `interval`. */
uint64_t sampling_distance(uint64_t interval, uint64_t random);
/* The weight of a sampled block: for how many blocks of its size it stands, in 1/SAMPLING_ONE. */
uint64_t sampling_weight(uint64_t interval, uint64_t size);
/* The next number of the generator. */
uint64_t sampling_random(struct sampling *state);

#endif
