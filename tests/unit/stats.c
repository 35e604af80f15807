/* SPDX-License-Identifier: MIT */
/* Tests of diag/stats.c: a snapshot against a model of what is live, through the blocks' whole life
 * and in all lanes, owned heaps included. */
#include "unit/unit.h"

#include "diag/diag.h"
#include "front/owned_heap.h"
#include "front/route.h"
#include "front/trim.h"

#define HELD_MAX 300

struct held {
    void *block;
    size_t size;
};

static struct held held[HELD_MAX];
static struct snapshot snapshot;

static unsigned lane_of(size_t size)
{
    return size <= LANE_TINY_MAX   ? HAK_LANE_TINY
           : size <= LANE_POOL_MAX ? HAK_LANE_POOL
           : size <= LANE_ACE_MAX  ? HAK_LANE_ACE
                                   : HAK_LANE_HUGE;
}

/* What caches took and did not give back is live, or in a bin. Depots' trims are no traffic. */
static void check_traffic(void)
{
    struct traffic sums[HAK_LANE_COUNT] = {0};
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        const struct class_figures *figures = &snapshot.classes[size_class];
        struct traffic traffic = figures->traffic;
        CHECK_EQ(traffic.refilled - traffic.flushed,
                 figures->live + figures->cached - figures->depot);
        sums[lane_of(figures->size)].refilled += traffic.refilled;
        sums[lane_of(figures->size)].flushed += traffic.flushed;
    }
    for (unsigned lane = 0; lane < HAK_LANE_HUGE; lane++) {
        CHECK_EQ(snapshot.stats.traffic[lane].refilled_blocks, sums[lane].refilled);
        CHECK_EQ(snapshot.stats.traffic[lane].flushed_blocks, sums[lane].flushed);
    }
}

static void check_live(void)
{
    uint64_t blocks[HAK_LANE_COUNT] = {0};
    uint64_t bytes[HAK_LANE_COUNT] = {0};
    size_t live[CLASS_COUNT] = {0};
    for (unsigned i = 0; i < HELD_MAX; i++)
        if (held[i].block) {
            blocks[lane_of(held[i].size)]++;
            bytes[lane_of(held[i].size)] += route_good_size(held[i].size);
            if (held[i].size <= LANE_ACE_MAX)
                live[size_class_of(held[i].size)]++;
        }
    snapshot_take(&snapshot);
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        CHECK_EQ(snapshot.stats.lane[lane].live_blocks, blocks[lane]);
        CHECK_EQ(snapshot.stats.lane[lane].live_bytes, bytes[lane]);
    }
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        CHECK_EQ(snapshot.classes[size_class].live, live[size_class]);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        const struct class_figures *figures = &snapshot.classes[size_class];
        CHECK_EQ(figures->size, size_classes[size_class].size);
        CHECK_EQ(figures->live + figures->cached + figures->free,
                 figures->slabs * size_classes[size_class].blocks);
    }
}

static size_t random_size(uint64_t *random)
{
    switch (unit_random(random, 6)) {
    case 0: return LANE_HUGE_MIN + random_next(random) % (3 * MIB);
    case 1: return LANE_ACE_MIN + random_next(random) % (LANE_ACE_MAX - LANE_ACE_MIN);
    case 2: return LANE_POOL_MIN + random_next(random) % (LANE_POOL_MAX - LANE_POOL_MIN);
    default: return unit_random(random, LANE_TINY_MAX + 1);
    }
}

static void blocks_at_random(struct hak_heap *heap)
{
    uint64_t random = 3;
    for (unsigned step = 0; step < 2000; step++) {
        struct held *one = &held[unit_random(&random, HELD_MAX)];
        if (one->block) {
            CHECK(front_free(one->block) || route_free(one->block));
            one->block = NULL;
        } else {
            one->size = random_size(&random);
            one->block = heap ? route_alloc_from(heap, BLOCK_ALIGN, one->size, false)
                              : route_alloc(one->size, false);
            CHECK(one->block != NULL);
        }
        if (step % 8 == 0)
            check_live();
        if (step % 8 == 0 && !heap)
            check_traffic();
        if (step % 256 == 0)
            CHECK_EQ(depot_trim(true).fault, FAULT_NONE);
    }
    for (unsigned i = 0; i < HELD_MAX; i++)
        if (held[i].block) {
            CHECK(front_free(held[i].block) || route_free(held[i].block));
            held[i].block = NULL;
        }
    check_live();
}

static void test_before_the_start(void **state)
{
    static const struct snapshot nothing;
    (void)state;
    memset(&snapshot, 1, sizeof(snapshot));
    snapshot_take(&snapshot);
    CHECK(memcmp(&snapshot, &nothing, sizeof(snapshot)) == 0);
    CHECK(reservation_make());
    check_live();
}

static void test_live(void **state)
{
    (void)state;
    blocks_at_random(NULL);
}

/* Blocks of owned heaps count in their classes and lanes too. */
static void test_live_in_heap(void **state)
{
    (void)state;
    struct hak_heap *heap = owned_heap_new();
    blocks_at_random(heap);
    owned_heap_destroy(heap);
    check_live();
}

static void test_cached(void **state)
{
    void *blocks[8];
    (void)state;
    trim_all();
    for (unsigned i = 0; i < 8; i++)
        blocks[i] = route_alloc(64, false);
    void *span = route_alloc(60 * KIB, false);
    snapshot_take(&snapshot);
    uint64_t before = snapshot.stats.lane[HAK_LANE_TINY].cached_bytes;
    for (unsigned i = 0; i < 8; i++)
        CHECK(front_free(blocks[i]) || route_free(blocks[i]));
    CHECK(front_free(span) || route_free(span));
    check_live();
    CHECK_EQ(snapshot.stats.lane[HAK_LANE_TINY].cached_bytes, before + 8 * 64);
    CHECK_EQ(snapshot.stats.lane[HAK_LANE_ACE].cached_bytes,
             size_classes[size_class_of(60 * KIB)].size);
    trim_all();
    check_live();
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        CHECK_EQ(snapshot.stats.lane[lane].cached_bytes, 0);
        CHECK_EQ(snapshot.stats.lane[lane].free_bytes, 0);
    }
}

static struct traffic traffic_of(size_t size)
{
    snapshot_take(&snapshot);
    return snapshot.classes[size_class_of(size)].traffic;
}

/* Blocks that pass a cache are counted, once each; what it serves by itself is not. */
static void test_traffic(void **state)
{
    enum { BLOCKS = 500 };
    void *blocks[BLOCKS];
    (void)state;
    trim_all();
    struct traffic before = traffic_of(64);
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = route_alloc(64, false);
    struct traffic full = traffic_of(64);
    CHECK_EQ(full.flushed, before.flushed);
    CHECK_EQ(full.refilled - before.refilled, BLOCKS + snapshot.classes[size_class_of(64)].cached);
    CHECK(front_free(blocks[0]) || route_free(blocks[0]));
    struct traffic still = traffic_of(64);
    for (unsigned i = 0; i < 10000; i++) {
        blocks[0] = front_alloc(64);
        CHECK(blocks[0] != NULL && front_free(blocks[0]));
    }
    struct traffic now = traffic_of(64);
    CHECK_EQ(now.refilled, still.refilled);
    CHECK_EQ(now.flushed, still.flushed);
    for (unsigned i = 1; i < BLOCKS; i++)
        CHECK(front_free(blocks[i]) || route_free(blocks[i]));
    trim_all();
    now = traffic_of(64);
    CHECK_EQ(now.refilled, full.refilled);
    CHECK_EQ(now.flushed - before.flushed, full.refilled - before.refilled);
}

/* Huge blocks pass no cache: each is counted. */
static void test_traffic_of_huge(void **state)
{
    (void)state;
    snapshot_take(&snapshot);
    struct hak_lane_traffic before = snapshot.stats.traffic[HAK_LANE_HUGE];
    for (unsigned i = 0; i < 3; i++) {
        void *block = route_alloc(3 * MIB, false);
        CHECK(route_resize(block, 9 * MIB, &block));
        CHECK(route_free(block));
    }
    snapshot_take(&snapshot);
    CHECK_EQ(snapshot.stats.traffic[HAK_LANE_HUGE].refilled_blocks, before.refilled_blocks + 3);
    CHECK_EQ(snapshot.stats.traffic[HAK_LANE_HUGE].flushed_blocks, before.flushed_blocks + 3);
}

static void test_memory(void **state)
{
    (void)state;
    trim_all();
    snapshot_take(&snapshot);
    struct hak_stats before = snapshot.stats;
    CHECK_EQ(before.reserved_bytes, reservation_bytes());
    CHECK_EQ(before.mapped_bytes, 0);
    CHECK_EQ(before.warm_bytes, 0);
    CHECK_EQ(before.threads, 1);
    CHECK(before.metadata_bytes > 0);
    void *block = route_alloc(5 * MIB, false);
    memset(block, 1, MIB);
    snapshot_take(&snapshot);
    CHECK_EQ(snapshot.stats.mapped_bytes, 6 * MIB);
    CHECK(route_free(block));
    snapshot_take(&snapshot);
    CHECK_EQ(snapshot.stats.warm_bytes, 5 * MIB);
    CHECK_EQ(trim_all(), MIB); /* what was never touched was not there */
    snapshot_take(&snapshot);
    CHECK_EQ(snapshot.stats.purged_bytes, before.purged_bytes + 5 * MIB);
    CHECK_EQ(snapshot.stats.mapped_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_start), cmocka_unit_test(test_live),
        cmocka_unit_test(test_live_in_heap),     cmocka_unit_test(test_cached),
        cmocka_unit_test(test_traffic),          cmocka_unit_test(test_traffic_of_huge),
        cmocka_unit_test(test_memory),
    };
    settings.decay_ms = -1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
