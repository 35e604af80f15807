/* SPDX-License-Identifier: MIT */
/*
 * Owns the distances between samples, and the weights of samples. A distance is the logarithm of a
 * random number, computed with integers: one squaring gives one binary digit, and 32 digits after
 * the point are enough. May never call libm, which the library does not link.
 */
#include "watch/sampling.h"

#include "os/os.h"

state_data _Atomic uint32_t sampling_epoch;

/* ln 2 in units of 2^-32 */
#define LN2_Q32 UINT64_C(2977044472)

#define INTERVAL_MAX ((uint64_t)TIB)

uint64_t sampling_random(struct sampling *state)
{
    uint64_t x = state->random; /* Marsaglia 2003, Vigna 2016: xorshift64* */
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    state->random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* -log2(random / 2^64) in units of 2^-32. */
static uint64_t minus_log2(uint64_t random)
{
    unsigned zeros = (unsigned)__builtin_clzll(random);
    unsigned __int128 mantissa = random << zeros; /* 1.0 is 2^63 */
    uint64_t digits = 0;
    for (unsigned digit = 0; digit < 32; digit++) {
        mantissa = mantissa * mantissa >> 63;
        unsigned is_two = (unsigned)(mantissa >> 64);
        mantissa >>= is_two;
        digits = digits << 1 | is_two;
    }
    return ((uint64_t)(zeros + 1) << 32) - digits;
}

/* The exponential distance, rounded up. So it is larger than `size` with the probability
 * exp(-size / interval), for every whole size. */
uint64_t sampling_distance(uint64_t interval, uint64_t random)
{
    if (interval <= 1)
        return 1;
    unsigned __int128 exact = (unsigned __int128)minus_log2(random) * LN2_Q32;
    return (uint64_t)(exact * min_size(interval, INTERVAL_MAX) >> 64) + 1;
}

/* exp(x) - 1 for x from -64 to 0. x is halved until a short series is exact enough; then
 * (e + 1)^2 - 1 = e * (e + 2) undoes each halving. */
static double exp_less_1(double x)
{
    unsigned halvings = 0;
    for (; x < -1.0 / 16; halvings++)
        x /= 2;
    double sum = x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6)))));
    for (; halvings > 0; halvings--)
        sum *= sum + 2;
    return sum;
}

uint64_t sampling_weight(uint64_t interval, uint64_t size)
{
    /* each block is sampled, or a block this large is not missed in practice: exp(-32) < 10^-13 */
    if (interval <= 1 || size / interval >= 32)
        return SAMPLING_ONE;
    double hit = -exp_less_1(-((double)(size + 1) / (double)interval));
    return (uint64_t)(SAMPLING_ONE / hit + 0.5);
}

static void seed(struct sampling *state)
{
    static _Atomic uint64_t threads;
    uint64_t number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);
    /* the address and the time differ between processes, the number between threads */
    uint64_t x = (uintptr_t)state + os_now_ms() + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    state->random = (x ^ x >> 31) | 1;
}

static void draw(struct sampling *state, uint64_t interval)
{
    state->left = (int64_t)sampling_distance(interval, sampling_random(state)) - 1;
}

void sampling_restart(struct sampling *state)
{
    /* sequentially consistent, as in sampling_hits: if that sets the floor to 0 after this store,
     * it reads the new epoch */
    atomic_store(&state->floor, INT64_MAX);
}

bool sampling_hits(struct sampling *state, size_t size, uint64_t interval)
{
    atomic_store(&state->floor, 0);
    uint32_t epoch = atomic_load(&sampling_epoch);
    if (state->random == 0)
        seed(state);
    if (state->epoch != epoch) {
        state->epoch = epoch;
        draw(state, interval);
    }
    state->left -= (int64_t)min_size(size, INT64_MAX / 2) + 1;
    if (state->left >= 0)
        return false;
    draw(state, interval);
    return true;
}
