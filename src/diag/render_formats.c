/* SPDX-License-Identifier: MIT */
/*
 * A snapshot for programs: JSON, and OpenMetrics text. The names are an interface, shared with what
 * `hakmem stats` writes from outside, which knows residency besides. Nothing here allocates.
 */
#include "diag/diag.h"

#include <unistd.h>

/* ---- JSON ---- */

/* The end of a row. */
static void json_traffic(struct writer *writer, uint64_t refilled, uint64_t flushed)
{
    writer_add(writer, "\"refilled_blocks\":%lu,\"flushed_blocks\":%lu}", refilled, flushed);
}

static void json_lanes(struct writer *writer, const struct hak_stats *stats)
{
    writer_add(writer, "\"lanes\":[");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const struct hak_lane_stats *figures = &stats->lane[lane];
        writer_add(writer,
                   "%s\n{\"name\":\"%s\",\"live_blocks\":%lu,\"live_bytes\":%lu,"
                   "\"cached_bytes\":%lu,\"free_bytes\":%lu,",
                   lane ? "," : "", lane_name(lane), figures->live_blocks, figures->live_bytes,
                   figures->cached_bytes, figures->free_bytes);
        json_traffic(writer, stats->traffic[lane].refilled_blocks,
                     stats->traffic[lane].flushed_blocks);
    }
    writer_add(writer, "],\n");
}

/* Has there been a block of the class? */
static bool is_seen(const struct class_figures *figures)
{
    return figures->live + figures->cached + figures->free > 0 || figures->traffic.taken > 0;
}

static void json_classes(struct writer *writer, const struct snapshot *snapshot)
{
    const char *comma = "";
    writer_add(writer, "\"classes\":[");
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        const struct class_figures *figures = &snapshot->classes[size_class];
        if (!is_seen(figures))
            continue;
        writer_add(writer,
                   "%s\n{\"size\":%u,\"live_blocks\":%zu,\"free_blocks\":%zu,"
                   "\"thread_cached_blocks\":%zu,\"depots_blocks\":%zu,",
                   comma, figures->size, figures->live, figures->free,
                   figures->cached - figures->depot, figures->depot);
        json_traffic(writer, figures->traffic.taken, figures->traffic.given);
        comma = ",";
    }
    writer_add(writer, "],\n");
}

void render_json(struct writer *writer, const struct snapshot *snapshot, struct handed_over calls)
{
    const struct hak_stats *stats = &snapshot->stats;
    writer_add(writer, "{\"hakmem\":\"%s\",\n\"format\":2,\n\"pid\":%d,\n", HAKMEM_VERSION_STRING,
               (int)getpid());
    json_lanes(writer, stats);
    json_classes(writer, snapshot);
    writer_add(writer,
               "\"reserved_bytes\":%lu,\n\"mapped_bytes\":%lu,\n\"warm_bytes\":%lu,\n"
               "\"metadata_used_bytes\":%lu,\n\"purged_bytes\":%lu,\n",
               stats->reserved_bytes, stats->mapped_bytes, stats->warm_bytes, stats->metadata_bytes,
               stats->purged_bytes);
    writer_add(writer,
               "\"thread_count\":%lu,\n\"thread_cached_bytes\":%lu,\n\"depots_bytes\":%lu,\n"
               "\"huge_waste_bytes\":%lu,\n\"libc_calls\":{",
               stats->threads, stats->thread_cached_bytes, stats->depot_bytes,
               stats->huge_waste_bytes);
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        writer_add(writer, "%s\"%s\":%lu", reason ? "," : "", calls.name(reason),
                   calls.calls[reason]);
    writer_add(writer, "}}\n");
}

/* ---- OpenMetrics ---- */

static void metrics_head(struct writer *writer, const char *name, const char *type,
                         const char *help)
{
    writer_add(writer, "# TYPE hakmem_%s %s\n# HELP hakmem_%s %s\n", name, type, name, help);
}

static void metrics_one(struct writer *writer, const char *name, const char *help, uint64_t value)
{
    metrics_head(writer, name, "gauge", help);
    writer_add(writer, "hakmem_%s %lu\n", name, value);
}

static void metrics_lanes(struct writer *writer, const struct hak_stats *stats)
{
    metrics_head(writer, "lane_bytes", "gauge",
                 "Bytes of blocks by lane and state, resident or not.");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const struct hak_lane_stats *figures = &stats->lane[lane];
        const char *name = lane_name(lane);
        writer_add(writer, "hakmem_lane_bytes{lane=\"%s\",state=\"live\"} %lu\n", name,
                   figures->live_bytes);
        writer_add(writer, "hakmem_lane_bytes{lane=\"%s\",state=\"cached\"} %lu\n", name,
                   figures->cached_bytes);
        writer_add(writer, "hakmem_lane_bytes{lane=\"%s\",state=\"free\"} %lu\n", name,
                   figures->free_bytes);
    }
}

static void metrics_class(struct writer *writer, const struct class_figures *figures,
                          const char *state, size_t blocks)
{
    writer_add(writer, "hakmem_class_blocks{size=\"%u\",state=\"%s\"} %zu\n", figures->size, state,
               blocks);
}

static void metrics_classes(struct writer *writer, const struct snapshot *snapshot)
{
    metrics_head(writer, "class_blocks", "gauge", "Blocks by size class and state.");
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        const struct class_figures *figures = &snapshot->classes[size_class];
        if (!is_seen(figures))
            continue;
        metrics_class(writer, figures, "live", figures->live);
        metrics_class(writer, figures, "free", figures->free);
        metrics_class(writer, figures, "thread_cached", figures->cached - figures->depot);
        metrics_class(writer, figures, "depots", figures->depot);
    }
}

static uint64_t taken(struct traffic traffic)
{
    return traffic.taken;
}

static uint64_t given(struct traffic traffic)
{
    return traffic.given;
}

/* One counter by size; Huge blocks are of no class. */
static void metrics_traffic(struct writer *writer, const struct snapshot *snapshot,
                            const char *name, const char *help, uint64_t (*count)(struct traffic))
{
    const struct hak_lane_traffic *huge = &snapshot->stats.traffic[HAK_LANE_HUGE];
    metrics_head(writer, name, "counter", help);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        if (is_seen(&snapshot->classes[size_class]))
            writer_add(writer, "hakmem_%s_total{size=\"%u\"} %lu\n", name,
                       snapshot->classes[size_class].size,
                       count(snapshot->classes[size_class].traffic));
    writer_add(writer, "hakmem_%s_total{size=\"huge\"} %lu\n", name,
               count((struct traffic){huge->refilled_blocks, huge->flushed_blocks}));
}

void render_metrics(struct writer *writer, const struct snapshot *snapshot,
                    struct handed_over calls)
{
    const struct hak_stats *stats = &snapshot->stats;
    metrics_one(writer, "rss_bytes", "Resident set size, as the kernel says.", os_resident_bytes());
    metrics_lanes(writer, stats);
    metrics_classes(writer, snapshot);
    metrics_traffic(writer, snapshot, "refilled_blocks", "Blocks that threads' caches took.",
                    taken);
    metrics_traffic(writer, snapshot, "flushed_blocks", "Blocks that threads' caches gave back.",
                    given);
    metrics_one(writer, "threads", "Threads with a cache.", stats->threads);
    metrics_one(writer, "mapped_bytes", "Addresses of superslabs in use or warm.",
                stats->mapped_bytes);
    metrics_one(writer, "warm_bytes", "Addresses of free slabs that may have pages.",
                stats->warm_bytes);
    metrics_one(writer, "metadata_bytes", "In use by records, thread caches, tables.",
                stats->metadata_bytes);
    metrics_one(writer, "huge_waste_bytes", "Free in huge pages, never handed out.",
                stats->huge_waste_bytes);
    metrics_head(writer, "purged_bytes", "counter", "Bytes given back to the kernel.");
    writer_add(writer, "hakmem_purged_bytes_total %lu\n", stats->purged_bytes);
    metrics_head(writer, "libc_calls", "counter", "Calls handed over to libc, by reason.");
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        writer_add(writer, "hakmem_libc_calls_total{reason=\"%s\"} %lu\n", calls.name(reason),
                   calls.calls[reason]);
    writer_add(writer, "# EOF\n");
}
