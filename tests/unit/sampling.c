/* SPDX-License-Identifier: MIT */
/*
 * Tests of watch/sampling.c: the distances' mean and distribution, the weights, and that the
 * weights of the samples of a sequence of blocks add up to the blocks, for sizes far below and far
 * above the interval.
 */
#include "unit/unit.h"

#include "watch/sampling.h"

#define DRAWS 1000000

/* exp(-n / 8) in units of 1e-6 */
static const unsigned exp_eighths[] = {1000000, 882497, 778801, 687289, 606531, 535261,
                                       472367,  416862, 367879, 324652, 286505, 252840};

static double deviation(double value, double expected)
{
    double difference = value > expected ? value - expected : expected - value;
    return difference / expected;
}

/* The mean of the distances is 1 / (1 - exp(-1 / interval)), about interval + 1/2; the error of
 * this many draws is 1/1000 of it. */
static void test_mean(void **state)
{
    (void)state;
    const uint64_t intervals[] = {2, 100, 4096, 512 * KIB, GIB, TIB};
    for (unsigned i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
        struct sampling draws = {.random = 88172645463325252u + i};
        double sum = 0;
        for (unsigned draw = 0; draw < DRAWS; draw++) {
            uint64_t distance = sampling_distance(intervals[i], sampling_random(&draws));
            CHECK(distance >= 1);
            sum += (double)distance;
        }
        double expected = intervals[i] == 2 ? 2.541494 : (double)intervals[i] + 0.5;
        CHECK(deviation(sum / DRAWS, expected) < 0.005);
    }
}

/* All of the unit interval in equal steps: what is left is the error of the logarithm itself. */
static void test_exact_mean(void **state)
{
    (void)state;
    const uint64_t steps = 1 << 22;
    double sum = 0;
    for (uint64_t i = 0; i < steps; i++)
        sum += (double)sampling_distance(GIB, (2 * i + 1) * (UINT64_MAX / (2 * steps)));
    CHECK(deviation(sum / (double)steps, (double)GIB) < 1e-6);
}

/* The share of distances beyond n eighths of the interval. */
static void test_distribution(void **state)
{
    (void)state;
    unsigned beyond[12] = {0};
    struct sampling draws = {.random = 42};
    for (unsigned draw = 0; draw < DRAWS; draw++) {
        uint64_t distance = sampling_distance(4096, sampling_random(&draws));
        for (unsigned eighth = 0; eighth < 12; eighth++)
            beyond[eighth] += distance > eighth * 512u;
    }
    for (unsigned eighth = 0; eighth < 12; eighth++)
        CHECK(deviation(beyond[eighth], exp_eighths[eighth] / 1e6 * DRAWS) < 0.01);
}

static void test_weights(void **state)
{
    (void)state;
    CHECK_EQ(sampling_weight(1, 16), SAMPLING_ONE);
    CHECK_EQ(sampling_weight(0, 16), SAMPLING_ONE);
    CHECK_EQ(sampling_weight(4096, 4095), 405);        /* 256 / (1 - 1/e) = 404.99 */
    CHECK_EQ(sampling_weight(4096, 8191), 296);        /* 256 / (1 - 1/e^2) = 296.07 */
    CHECK_EQ(sampling_weight(4096, 40959), 256);       /* 256.01 */
    CHECK_EQ(sampling_weight(512 * KIB, 15), 8388736); /* 256 * (T/s + 1/2) */
    CHECK_EQ(sampling_weight(TIB, GIB - 1), 262272);
    CHECK_EQ(sampling_weight(512 * KIB, 0), 134217856);
    CHECK_EQ(sampling_weight(512 * KIB, SIZE_MAX), SAMPLING_ONE);
}

/* Count blocks of one size; returns the sum of the weights by the number of blocks. */
static double estimate(struct sampling *state, size_t size, uint64_t interval, unsigned blocks)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < blocks; i++)
        if (!sampling_passes(state, size) && sampling_hits(state, size, interval))
            sum += sampling_weight(interval, size);
    return (double)sum / SAMPLING_ONE / blocks;
}

static void test_unbiased(void **state)
{
    (void)state;
    const uint64_t interval = 4096;
    const size_t sizes[] = {0, 16, 64, 1024, 4096, 10000, MIB};
    struct sampling state_of_thread = {.random = 7};
    atomic_store(&sampling_epoch, 1);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned blocks = DRAWS;
        double hits = blocks *
                      (sizes[i] >= interval ? 1.0 : (double)(sizes[i] + 1) / (double)interval);
        double error = estimate(&state_of_thread, sizes[i], interval, blocks) - 1;
        CHECK(error * error * hits < 25); /* 5 sigma */
    }
}

/* Interval 1: each block; a new epoch: what was drawn before does not count. */
static void test_every_block(void **state)
{
    (void)state;
    struct sampling drawn = {.random = 7, .left = TIB, .epoch = 1};
    atomic_store(&sampling_epoch, 2);
    CHECK(sampling_passes(&drawn, 16));
    sampling_restart(&drawn);
    for (unsigned i = 0; i < 1000; i++)
        CHECK(!sampling_passes(&drawn, 16) && sampling_hits(&drawn, 16, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),         cmocka_unit_test(test_exact_mean),
        cmocka_unit_test(test_distribution), cmocka_unit_test(test_weights),
        cmocka_unit_test(test_unbiased),     cmocka_unit_test(test_every_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
