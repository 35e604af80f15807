/* SPDX-License-Identifier: MIT */
/*
 * Writes a snapshot for programs, in the forms of figures.c: JSON, OpenMetrics text, and the report
 * that a process writes at its exit. Nothing here allocates.
 */
#include "diag/diag.h"
#include "diag/figures.h"

#include <unistd.h>

/* Purpose: the figures of a snapshot, and the rows that they point to. */
struct filled {
    struct figures figures;
    struct row_figures lanes[HAK_LANE_COUNT];
};

static void class_row(const void *context, unsigned size_class, struct row_figures *row)
{
    const struct class_figures *figures = &((const struct snapshot *)context)->classes[size_class];
    *row = (struct row_figures){
        .size = figures->size,
        .extents = figures->slabs,
        .blocks = {[BLOCK_LIVE] = figures->live,
                   [BLOCK_FREE] = figures->free,
                   [BLOCK_IN_THREAD] = figures->cached - figures->depot,
                   [BLOCK_IN_DEPOT] = figures->depot},
        .traffic = figures->traffic,
    };
}

/* The snapshot does not say which of a lane's cached bytes are in depots. */
static void fill_lanes(struct row_figures lanes[HAK_LANE_COUNT], const struct hak_stats *stats)
{
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        lanes[lane] = (struct row_figures){
            .blocks = {[BLOCK_LIVE] = stats->lane[lane].live_blocks},
            .bytes = {[BLOCK_LIVE] = stats->lane[lane].live_bytes,
                      [BLOCK_FREE] = stats->lane[lane].free_bytes,
                      [BLOCK_IN_THREAD] = stats->lane[lane].cached_bytes},
            .traffic = {stats->traffic[lane].refilled_blocks, stats->traffic[lane].flushed_blocks},
        };
}

static void fill(struct filled *filled, const struct snapshot *snapshot, const uint64_t *libc_calls)
{
    const struct hak_stats *stats = &snapshot->stats;
    fill_lanes(filled->lanes, stats);
    filled->figures = (struct figures){
        .version = HAKMEM_VERSION_STRING,
        .pid = (int)getpid(),
        .lanes = filled->lanes,
        .class_row = class_row,
        .context = snapshot,
        .libc_calls = libc_calls,
        .threads = stats->threads,
        .reserved = stats->reserved_bytes,
        .mapped = stats->mapped_bytes,
        .warm = stats->warm_bytes,
        .metadata = stats->metadata_bytes,
        .thread_cached = stats->thread_cached_bytes,
        .depots = stats->depot_bytes,
        .huge_page_waste = stats->huge_waste_bytes,
        .purged = stats->purged_bytes,
    };
}

void render_json(struct writer *writer, const struct snapshot *snapshot, const uint64_t *libc_calls)
{
    struct filled filled;
    fill(&filled, snapshot, libc_calls);
    figures_json_begin(writer, &filled.figures);
    figures_json_end(writer, &filled.figures);
}

void render_metrics(struct writer *writer, const struct snapshot *snapshot,
                    const uint64_t *libc_calls)
{
    struct filled filled;
    fill(&filled, snapshot, libc_calls);
    filled.figures.rss = os_resident_bytes();
    figures_metrics(writer, &filled.figures);
}

/* ---- the report of one process ---- */

/* The kernel ends the name with a newline. */
static void add_program(struct writer *writer)
{
    char name[64];
    long length = os_read_file("/proc/self/comm", name, sizeof(name) - 1);
    if (length <= 1)
        return;
    name[length - 1] = '\0';
    writer_add(writer, ",\n");
    figures_json_text(writer, "program", name);
}

/* The arguments, with spaces between them, and a space for each newline. */
static void add_command(struct writer *writer)
{
    char text[REPORT_COMMAND_BYTES];
    long length = os_read_file("/proc/thread-self/cmdline", text, sizeof(text));
    if (length <= 0)
        return;
    /* each argument ends with a NUL, the last one too */
    for (long i = 0; i < length - 1; i++)
        if (text[i] == '\0' || text[i] == '\n')
            text[i] = ' ';
    text[length - 1] = '\0';
    writer_add(writer, ",\n");
    figures_json_text(writer, "command", text);
}

void render_report(struct writer *writer, const struct snapshot *snapshot,
                   const uint64_t *libc_calls)
{
    struct filled filled;
    fill(&filled, snapshot, libc_calls);
    filled.figures.rss = os_resident_bytes();
    filled.figures.peak_rss = os_peak_bytes();
    figures_json_begin(writer, &filled.figures);
    add_program(writer);
    add_command(writer);
    figures_json_end(writer, &filled.figures);
}
