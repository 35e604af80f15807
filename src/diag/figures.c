/* SPDX-License-Identifier: MIT */
/*
 * Owns the names of figures, and their forms as JSON and as OpenMetrics text. The command `hakmem`
 * is built with this file too. Nothing here allocates, or asks where the figures come from.
 */
#include "diag/figures.h"

const char *const block_state_names[BLOCK_STATES] = {"live", "free", "thread_cached", "depots"};
const char *const lane_names[HAK_LANE_COUNT] = {"tiny", "pool", "ace", "huge"};
const char *const lane_titles[HAK_LANE_COUNT] = {"Tiny", "Pool", "ACE", "Huge"};
const char *const libc_reason_names[HAK_FB_COUNT] = {
    [HAK_FB_FORCE_LIBC] = "force_libc",
    [HAK_FB_FOREIGN_FREE] = "foreign_free",
    [HAK_FB_FOREIGN_REALLOC] = "foreign_realloc",
    [HAK_FB_FOREIGN_USABLE] = "foreign_usable",
    [HAK_FB_INIT_WAIT] = "init_wait",
};

unsigned lane_of_class(unsigned size_class)
{
    return size_class <= CLASS_TINY_LAST   ? HAK_LANE_TINY
           : size_class <= CLASS_POOL_LAST ? HAK_LANE_POOL
                                           : HAK_LANE_ACE;
}

/* ---- the whole heap ---- */

const struct figures_total figures_totals[FIGURES_TOTALS] = {
#define TOTAL(field) offsetof(struct figures, field)
    {TOTAL(threads), FIGURES_BOTH, "thread_count", "threads", "gauge", "Threads with a cache."},
    {TOTAL(reserved), FIGURES_BOTH, "reserved_bytes", NULL, NULL, NULL},
    {TOTAL(mapped), FIGURES_BOTH, "mapped_bytes", "mapped_bytes", "gauge",
     "Addresses of superslabs in use or warm."},
    {TOTAL(warm), FIGURES_BOTH, "warm_bytes", "warm_bytes", "gauge",
     "Addresses of free slabs that may have pages."},
    {TOTAL(metadata), FIGURES_BOTH, "metadata_used_bytes", "metadata_bytes", "gauge",
     "In use by records, thread caches, tables."},
    {TOTAL(thread_cached), FIGURES_INSIDE, "thread_cached_bytes", NULL, NULL, NULL},
    {TOTAL(depots), FIGURES_INSIDE, "depots_bytes", NULL, NULL, NULL},
    {TOTAL(huge_page_waste), FIGURES_BOTH, "huge_waste_bytes", "huge_waste_bytes", "gauge",
     "Free in huge pages, never handed out."},
    {TOTAL(purged), FIGURES_BOTH, "purged_bytes", "purged_bytes", "counter",
     "Bytes given back to the kernel."},
    {TOTAL(implausible), FIGURES_OUTSIDE, "implausible", NULL, NULL, NULL},
#undef TOTAL
};

static uint64_t total_of(const struct figures *figures, const struct figures_total *total)
{
    return *(const uint64_t *)(const void *)((const char *)figures + total->offset);
}

static bool is_known(const struct figures *figures, const struct figures_total *total)
{
    return total->side == FIGURES_BOTH || (total->side == FIGURES_OUTSIDE) == figures->is_outside;
}

static bool has_rss(const struct figures *figures)
{
    return figures->is_outside || figures->rss > 0;
}

/* The row of a class. False if the class never had a block. */
static bool class_row(const struct figures *figures, unsigned size_class, struct row_figures *row)
{
    uint64_t seen = 0;
    figures->class_row(figures->context, size_class, row);
    for (unsigned state = 0; state < BLOCK_STATES; state++)
        seen += row->blocks[state];
    return seen > 0 || row->traffic.refilled > 0;
}

/* ---- JSON ---- */

void figures_json_number(struct writer *writer, const char *key, int64_t value)
{
    writer_add(writer, "\"%s\":%ld", key, (long)value);
}

static void json_count(struct writer *writer, const char *key, uint64_t value)
{
    writer_add(writer, "\"%s\":%lu", key, value);
}

void figures_json_text(struct writer *writer, const char *key, const char *text)
{
    writer_add(writer, "\"%s\":", key);
    writer_add_quoted(writer, text);
}

static uint64_t cached(const uint64_t by_state[BLOCK_STATES])
{
    return by_state[BLOCK_IN_THREAD] + by_state[BLOCK_IN_DEPOT];
}

/* The figures of a lane that are known from inside. Bytes count here whether they are resident or
 * not. */
static void json_lane_inside(struct writer *writer, const struct row_figures *row)
{
    writer_add(writer,
               "\"live_blocks\":%lu,\"live_bytes\":%lu,\"cached_bytes\":%lu,\"free_bytes\":%lu,",
               row->blocks[BLOCK_LIVE], row->bytes[BLOCK_LIVE], cached(row->bytes),
               row->bytes[BLOCK_FREE]);
}

static void json_states(struct writer *writer, const struct row_figures *row, bool has_bytes)
{
    for (unsigned state = 0; state < BLOCK_STATES; state++) {
        const char *name = block_state_names[state];
        writer_add(writer, "\"%s_blocks\":%lu,", name, row->blocks[state]);
        if (has_bytes)
            writer_add(writer, "\"%s_bytes\":%lu,", name, row->bytes[state]);
    }
    if (has_bytes)
        writer_add(writer, "\"mapped_bytes\":%lu,", row->mapped);
}

static void json_row_end(struct writer *writer, const struct row_figures *row)
{
    writer_add(writer, "\"refilled_blocks\":%lu,\"flushed_blocks\":%lu}", row->traffic.refilled,
               row->traffic.flushed);
}

static void json_lanes(struct writer *writer, const struct figures *figures)
{
    writer_add(writer, ",\n\"lanes\":[");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const struct row_figures *row = &figures->lanes[lane];
        writer_add(writer, "%s\n{\"name\":\"%s\",", lane ? "," : "", lane_names[lane]);
        if (figures->is_outside)
            json_states(writer, row, true);
        else
            json_lane_inside(writer, row);
        json_row_end(writer, row);
    }
    writer_add(writer, "]");
}

static void json_classes(struct writer *writer, const struct figures *figures)
{
    struct row_figures row;
    const char *comma = "";
    writer_add(writer, ",\n\"classes\":[");
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        if (!class_row(figures, c, &row))
            continue;
        writer_add(writer, "%s\n{\"size\":%u,", comma, row.size);
        json_states(writer, &row, figures->is_outside);
        json_row_end(writer, &row);
        comma = ",";
    }
    writer_add(writer, "]");
}

void figures_json_begin(struct writer *writer, const struct figures *figures)
{
    writer_add(writer, "{\"hakmem\":\"%s\",\n\"format\":%d,\n\"pid\":%d", figures->version,
               FIGURES_FORMAT, figures->pid);
    if (has_rss(figures))
        writer_add(writer, ",\n\"rss_bytes\":%lu", figures->rss);
    if (figures->peak_rss > 0)
        writer_add(writer, ",\n\"peak_rss_bytes\":%lu", figures->peak_rss);
}

void figures_json_end(struct writer *writer, const struct figures *figures)
{
    json_lanes(writer, figures);
    json_classes(writer, figures);
    for (size_t i = 0; i < FIGURES_TOTALS; i++)
        if (is_known(figures, &figures_totals[i])) {
            writer_add(writer, ",\n");
            json_count(writer, figures_totals[i].key, total_of(figures, &figures_totals[i]));
        }
    writer_add(writer, ",\n\"libc_calls\":{");
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++) {
        writer_add(writer, "%s", reason ? "," : "");
        json_count(writer, libc_reason_names[reason], figures->libc_calls[reason]);
    }
    writer_add(writer, "}}\n");
}

/* ---- OpenMetrics ---- */

void figures_metric_head(struct writer *writer, const char *name, const char *type,
                         const char *help)
{
    writer_add(writer, "# TYPE hakmem_%s %s\n# HELP hakmem_%s %s\n", name, type, name, help);
}

static void metric(struct writer *writer, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    figures_metric_head(writer, name, type, help);
    writer_add(writer, "hakmem_%s%s %lu\n", name, *type == 'c' ? "_total" : "", value);
}

static void sample(struct writer *writer, const char *name, unsigned lane, const char *state,
                   uint64_t value)
{
    writer_add(writer, "hakmem_%s{lane=\"%s\",state=\"%s\"} %lu\n", name, lane_names[lane], state,
               value);
}

static void metrics_lanes_inside(struct writer *writer, const struct figures *figures)
{
    static const char name[] = "lane_bytes";
    figures_metric_head(writer, name, "gauge",
                        "Bytes of blocks by lane and state, resident or not.");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const uint64_t *bytes = figures->lanes[lane].bytes;
        sample(writer, name, lane, "live", bytes[BLOCK_LIVE]);
        sample(writer, name, lane, "cached", cached(bytes));
        sample(writer, name, lane, "free", bytes[BLOCK_FREE]);
    }
}

static void metrics_lanes_outside(struct writer *writer, const struct figures *figures)
{
    figures_metric_head(writer, "lane_resident_bytes", "gauge",
                        "Resident bytes of blocks by lane and state.");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        for (unsigned state = 0; state < BLOCK_STATES; state++)
            sample(writer, "lane_resident_bytes", lane, block_state_names[state],
                   figures->lanes[lane].bytes[state]);
    figures_metric_head(writer, "lane_blocks", "gauge", "Blocks by lane and state.");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        for (unsigned state = 0; state < BLOCK_STATES; state++)
            sample(writer, "lane_blocks", lane, block_state_names[state],
                   figures->lanes[lane].blocks[state]);
}

static void metrics_classes(struct writer *writer, const struct figures *figures)
{
    struct row_figures row;
    figures_metric_head(writer, "class_blocks", "gauge", "Blocks by size class and state.");
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        for (unsigned state = 0; class_row(figures, c, &row) && state < BLOCK_STATES; state++)
            writer_add(writer, "hakmem_class_blocks{size=\"%u\",state=\"%s\"} %lu\n", row.size,
                       block_state_names[state], row.blocks[state]);
}

/* One counter by size class; Huge blocks have no class. */
static void metrics_traffic(struct writer *writer, const struct figures *figures, const char *name,
                            const char *help, bool is_flushed)
{
    struct row_figures row;
    const struct traffic *huge = &figures->lanes[HAK_LANE_HUGE].traffic;
    figures_metric_head(writer, name, "counter", help);
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        if (class_row(figures, c, &row))
            writer_add(writer, "hakmem_%s_total{size=\"%u\"} %lu\n", name, row.size,
                       is_flushed ? row.traffic.flushed : row.traffic.refilled);
    writer_add(writer, "hakmem_%s_total{size=\"huge\"} %lu\n", name,
               is_flushed ? huge->flushed : huge->refilled);
}

void figures_metrics(struct writer *writer, const struct figures *figures)
{
    if (has_rss(figures))
        metric(writer, "rss_bytes", "gauge", "Resident set size, as the kernel says.",
               figures->rss);
    if (figures->is_outside)
        metrics_lanes_outside(writer, figures);
    else
        metrics_lanes_inside(writer, figures);
    metrics_classes(writer, figures);
    metrics_traffic(writer, figures, "refilled_blocks", "Blocks that thread caches took.", false);
    metrics_traffic(writer, figures, "flushed_blocks", "Blocks that thread caches gave back.",
                    true);
    for (size_t i = 0; i < FIGURES_TOTALS; i++)
        if (figures_totals[i].name && is_known(figures, &figures_totals[i]))
            metric(writer, figures_totals[i].name, figures_totals[i].type, figures_totals[i].help,
                   total_of(figures, &figures_totals[i]));
    figures_metric_head(writer, "libc_calls", "counter", "Calls handed over to libc, by reason.");
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        writer_add(writer, "hakmem_libc_calls_total{reason=\"%s\"} %lu\n",
                   libc_reason_names[reason], figures->libc_calls[reason]);
    writer_add(writer, "# EOF\n");
}
