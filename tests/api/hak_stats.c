/* SPDX-License-Identifier: MIT */
/*
 * hak_stats follows the program: live bytes and blocks of each lane rise and fall by what it
 * allocates and frees, caches hold what was freed, and the sums fit into what is mapped.
 */
#include "check.h"
#include "hak_names.h"

#include <pthread.h>

static struct hak_stats stats_now(void)
{
    struct hak_stats stats;
    memset(&stats, 0xee, sizeof stats);
    hak.stats(&stats, sizeof stats);
    return stats;
}

static void check_sums(const struct hak_stats *stats)
{
    uint64_t in_slabs = 0;
    for (int lane = HAK_LANE_TINY; lane < HAK_LANE_COUNT; lane++) {
        const struct hak_lane_stats *one = &stats->lane[lane];
        CHECK_LE(one->live_blocks, one->live_bytes);
        CHECK_EQ(one->live_blocks == 0, one->live_bytes == 0);
        if (lane != HAK_LANE_HUGE)
            in_slabs += one->live_bytes + one->cached_bytes + one->free_bytes;
    }
    CHECK_LE(in_slabs, stats->mapped_bytes);
    CHECK_LE(stats->warm_bytes, stats->mapped_bytes);
    CHECK_LE(stats->huge_waste_bytes, stats->warm_bytes);
    CHECK_LE(stats->mapped_bytes, stats->reserved_bytes);
    CHECK_GE(stats->metadata_bytes, 1);
    CHECK_LE(stats->metadata_bytes, 64 * MIB);
    CHECK_GE(stats->threads, 1);
}

/* `count` blocks of `size` show in `lane`, and in no other. */
static void lane_follows(int lane, size_t size, size_t count)
{
    static void *blocks[20000];
    check_case = size;
    size_t good = hak.good_size(size);
    struct hak_stats before = stats_now();
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
    }
    struct hak_stats during = stats_now();
    check_sums(&during);
    for (int other = HAK_LANE_TINY; other < HAK_LANE_COUNT; other++) {
        uint64_t blocks_more = during.lane[other].live_blocks - before.lane[other].live_blocks;
        uint64_t bytes_more = during.lane[other].live_bytes - before.lane[other].live_bytes;
        CHECK_EQ(blocks_more, other == lane ? count : 0);
        CHECK_EQ(bytes_more, other == lane ? count * good : 0);
    }
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    struct hak_stats after = stats_now();
    check_sums(&after);
    CHECK_EQ(after.lane[lane].live_blocks, before.lane[lane].live_blocks);
    CHECK_EQ(after.lane[lane].live_bytes, before.lane[lane].live_bytes);
}

static void lane_borders(void)
{
    lane_follows(HAK_LANE_TINY, 0, 1000);
    lane_follows(HAK_LANE_TINY, 48, 20000);
    lane_follows(HAK_LANE_TINY, 1024, 5000);
    lane_follows(HAK_LANE_POOL, 1025, 5000);
    lane_follows(HAK_LANE_POOL, 52 * KIB, 200);
    lane_follows(HAK_LANE_ACE, 52 * KIB + 1, 200);
    lane_follows(HAK_LANE_ACE, 2 * MIB, 10);
    lane_follows(HAK_LANE_HUGE, 2 * MIB + 1, 10);
    lane_follows(HAK_LANE_HUGE, 100 * MIB, 2);
}

static void *allocate_in_thread(void *argument)
{
    void **blocks = argument;
    for (int i = 0; i < 1000; i++) {
        blocks[i] = malloc(100);
        CHECK(blocks[i] != NULL);
    }
    return NULL;
}

/* Live blocks of a thread that has ended still count; a thread that ended is no longer counted. */
static void threads_follow(void)
{
    static void *blocks[3][1000];
    pthread_t threads[3];
    struct hak_stats before = stats_now();
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, allocate_in_thread, blocks[i]), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    struct hak_stats after = stats_now();
    CHECK_GE(after.lane[HAK_LANE_TINY].live_blocks, before.lane[HAK_LANE_TINY].live_blocks + 3000);
    CHECK_EQ(after.threads, before.threads);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 1000; j++)
            free(blocks[i][j]);
    after = stats_now();
    CHECK_LE(after.lane[HAK_LANE_TINY].live_blocks, before.lane[HAK_LANE_TINY].live_blocks + 50);
}

/* An older program's smaller struct: only that many bytes are written. */
static void smaller_struct(void)
{
    struct hak_stats stats;
    memset(&stats, 0x77, sizeof stats);
    size_t first = offsetof(struct hak_stats, mapped_bytes);
    hak.stats(&stats, first);
    CHECK_EQ(stats.mapped_bytes, 0x7777777777777777u);
    CHECK_EQ(stats.threads, 0x7777777777777777u);
    CHECK(stats.reserved_bytes != 0x7777777777777777u);
}

/* What version 2 has besides adds up with what the first had. */
static void second_version(void)
{
    struct hak_stats stats = stats_now();
    uint64_t cached = 0;
    for (int lane = HAK_LANE_TINY; lane < HAK_LANE_COUNT; lane++)
        cached += stats.lane[lane].cached_bytes;
    CHECK_EQ(stats.version, HAK_STATS_VERSION);
    CHECK_EQ(stats.thread_cached_bytes + stats.depot_bytes, cached);
    CHECK_EQ(stats.rounding_bytes, 0); /* no guess at what was not asked for */
    CHECK_LE(stats.libc_calls, 1000);
}

/* What is live was taken, and not given back; Huge blocks pass no cache on the way. */
static void fourth_version(void)
{
    void *block = malloc(5 * MIB);
    CHECK(block != NULL);
    struct hak_stats stats = stats_now();
    for (int lane = HAK_LANE_TINY; lane < HAK_LANE_COUNT; lane++) {
        const struct hak_lane_traffic *traffic = &stats.traffic[lane];
        uint64_t left = traffic->refilled_blocks - traffic->flushed_blocks;
        CHECK_LE(stats.lane[lane].live_blocks, left);
        if (lane == HAK_LANE_HUGE)
            CHECK_EQ(stats.lane[lane].live_blocks, left);
        CHECK_GE(traffic->flushed_blocks, 1);
    }
    free(block);
}

/* A newer program's larger struct: what the library does not know is zero. */
static void larger_struct(void)
{
    struct {
        struct hak_stats stats;
        uint64_t later;
    } larger;
    memset(&larger, 0x77, sizeof larger);
    hak.stats(&larger.stats, sizeof larger);
    CHECK_EQ(larger.later, 0);
    CHECK_EQ(larger.stats.version, HAK_STATS_VERSION);
}

/* As snprintf: whole if there is room, cut and terminated if not, the length in any case. */
static void json(void)
{
    static char whole[65536];
    static char part[65536];
    size_t length = hak.stats_json(whole, sizeof whole);
    CHECK_LE(length, sizeof whole - 1);
    CHECK_EQ(strlen(whole), length);
    CHECK(strncmp(whole, "{\"hakmem\":\"", 11) == 0);
    CHECK(strcmp(whole + length - 3, "}}\n") == 0);
    CHECK(strstr(whole, "{\"name\":\"huge\",\"live_blocks\":") != NULL);
    memset(part, 0x77, sizeof part);
    CHECK_EQ(hak.stats_json(part, 100), length);
    CHECK_EQ(strlen(part), 99);
    CHECK(memcmp(part, whole, 99) == 0);
    CHECK_EQ(part[100], 0x77);
    CHECK_EQ(hak.stats_json(NULL, 0), length);
}

int main(void)
{
    if (!hak_find())
        return 0;
    void *first = malloc(1);
    CHECK(first != NULL);
    struct hak_stats start = stats_now();
    check_sums(&start);
    lane_borders();
    threads_follow();
    smaller_struct();
    second_version();
    fourth_version();
    larger_struct();
    json();
    free(first);
    CHECK_EQ(hak.check(), 0);
    return 0;
}
