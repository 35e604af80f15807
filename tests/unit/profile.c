/* SPDX-License-Identifier: MIT */
/*
 * Tests of watch/profile.c: samples, sites and marks of slabs come and go; what was live at the
 * peak; full tables, and what they drop.
 */
#include "unit/unit.h"

#include "lane/pool_check.h"
#include "lane/pool_give.h"
#include "lane/shared_pool.h"
#include "slab/reservation.h"
#include "watch/profile.h"
#include "watch/sampling.h"

static void make(void)
{
    CHECK(reservation_make());
    CHECK(profile_make(256 * KIB));
    profile_begin(PROFILE_BY_PROGRAM, 1);
    profile_end(PROFILE_BY_PROGRAM); /* nothing but the test itself adds samples */
}

static void *take(size_t size)
{
    void *block;
    CHECK_EQ(pool_take(&shared_pool, size_class_of(size), &block, 1), 1);
    return block;
}

/* What a slow path does with a block that may be a sample. */
static void give(void *block, size_t size)
{
    profile_forget(block);
    CHECK_EQ(pool_give(&shared_pool, size_class_of(size), &block, 1).fault, FAULT_NONE);
}

static unsigned byte_of(const void *block)
{
    return slab_map_get(reservation_get(), reservation_offset(reservation_get(), block));
}

static void add(const void *block, size_t size, uint32_t stack)
{
    struct profile_event event = {block, size, size - 1, stack, 0, 0};
    profile_add(&event);
}

static struct profile_site *site_of(uint32_t stack)
{
    for (uint32_t i = 0; i < profile.site_slots; i++)
        if (profile.sites[i].stack == stack)
            return &profile.sites[i];
    CHECK(false);
    return NULL;
}

static void one_sample(void)
{
    make();
    void *block = take(100);
    void *other = take(100);
    add(block, 112, 9);
    CHECK_EQ(byte_of(block), CLASS_SAMPLED);
    CHECK(profile_has(block) && !profile_has(other));
    CHECK_EQ(pool_check(&shared_pool), 0);
    struct profile_site *site = site_of(9);
    CHECK_EQ(site->alloc_count, SAMPLING_ONE);
    CHECK_EQ(site->alloc_bytes, 112);
    CHECK_EQ(site->requested_bytes, 111);
    CHECK_EQ(site->live_bytes, 112);
    add(other, 112, 9);
    CHECK_EQ(site->live_count, 2 * SAMPLING_ONE);
    give(block, 100);
    CHECK_EQ(byte_of(other), CLASS_SAMPLED);
    give(other, 100);
    CHECK_EQ(byte_of(other), size_class_of(100));
    CHECK_EQ(site->live_count, 0);
    CHECK_EQ(site->live_bytes, 0);
    CHECK_EQ(site->alloc_count, 2 * SAMPLING_ONE);
    CHECK_EQ(profile.sample_count, 0);
    CHECK_EQ(site->lifetimes[0] + site->lifetimes[1] + site->lifetimes[2] + site->lifetimes[3] +
                 site->lifetimes[4],
             2);
}

static uint64_t at_peak(uint32_t stack)
{
    struct profile_site *site = site_of(stack);
    return site->peak_epoch == profile.peak_epoch ? site->peak_bytes : site->live_bytes;
}

static void peak(void)
{
    void *blocks[3];
    make();
    for (unsigned i = 0; i < 3; i++) {
        blocks[i] = take(1000);
        add(blocks[i], 1000 * (i + 1), 10 + i);
    }
    profile_forget(blocks[0]);
    profile_forget(blocks[1]);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(at_peak(10 + i), 1000 * (i + 1));
    add(blocks[1], 3001, 11); /* 6,001 live: a new peak */
    CHECK_EQ(at_peak(10), 0);
    CHECK_EQ(at_peak(11), 3001);
    CHECK_EQ(at_peak(12), 3000);
    CHECK_EQ(profile.peak_bytes, 6001);
}

/* Random order: each sample is found, and none that was forgotten; in the end all is empty. */
static void many(void)
{
    static void *blocks[4000];
    static bool is_in[4000];
    uint64_t random = 3;
    make();
    unsigned count = profile.sample_slots / 4;
    CHECK(count >= 100 && count <= 4000);
    for (unsigned i = 0; i < count; i++)
        blocks[i] = take(16 + i % 4000);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = (unsigned)(random_next(&random) % count);
        CHECK_EQ(profile_has(blocks[i]), is_in[i]);
        if (is_in[i])
            profile_forget(blocks[i]);
        else
            add(blocks[i], 64, 20 + i % 7);
        is_in[i] = !is_in[i];
    }
    CHECK_EQ(profile.dropped_samples, 0);
    CHECK_EQ(pool_check(&shared_pool), 0);
    for (unsigned i = 0; i < count; i++)
        if (is_in[i])
            profile_forget(blocks[i]);
    CHECK_EQ(profile.sample_count, 0);
    CHECK_EQ(profile.live_bytes, 0);
    for (uint32_t i = 0; i < profile.sample_slots; i++)
        CHECK(profile.samples[i].address == 0);
    for (uint32_t i = 0; i < 2 * profile.sample_slots; i++)
        CHECK(profile.index[i] == 0);
    for (unsigned i = 0; i < count; i++)
        CHECK(byte_of(blocks[i]) != CLASS_SAMPLED);
}

static void full(void)
{
    make();
    uint32_t count = profile.sample_slots + 100;
    for (uint32_t i = 0; i < count; i++)
        add(take(32), 32, 5);
    CHECK_EQ(profile.sample_count + profile.dropped_samples, count);
    CHECK(profile.sample_count > count / 4 * 3 && profile.dropped_samples >= 100);
    CHECK_EQ(site_of(5)->alloc_count, (uint64_t)count * SAMPLING_ONE);
    CHECK_EQ(site_of(5)->live_count, (uint64_t)profile.sample_count * SAMPLING_ONE);
    void *block = take(32);
    for (uint32_t i = 0; i < profile.site_slots; i++)
        add(block, 32, 100 + i);
    CHECK_EQ(profile.site_count + profile.dropped_sites, profile.site_slots + 1);
    CHECK(profile.dropped_sites > 0);
}

#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_CHILD(body);                                                                         \
    }

CHILD_TEST(one_sample)
CHILD_TEST(peak)
CHILD_TEST(many)
CHILD_TEST(full)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_sample),
        cmocka_unit_test(test_peak),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_full),

    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
