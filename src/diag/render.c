/* SPDX-License-Identifier: MIT */
/*
 * Writes a snapshot as text for people, and as the XML of glibc's malloc_info. Nothing here
 * allocates.
 */
#include "diag/diag.h"
#include "diag/figures.h"

/* ---- for people ---- */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void add_site_text(struct writer *writer, const struct hak_site *site)
{
    writer_add(writer, "  site %u: %lu call%s, %s asked for\n", site->site, site->calls,
               plural(site->calls), text_of_size(site->bytes).bytes);
}

static void add_lane_text(struct writer *writer, unsigned lane,
                          const struct hak_lane_stats *figures)
{
    writer_add(writer, "  %s: %lu live block%s, %s; %s cached, %s of addresses free in slabs\n",
               lane_names[lane], figures->live_blocks, plural(figures->live_blocks),
               text_of_size(figures->live_bytes).bytes, text_of_size(figures->cached_bytes).bytes,
               text_of_size(figures->free_bytes).bytes);
}

void render_text(struct writer *writer, const struct snapshot *snapshot)
{
    const struct hak_stats *stats = &snapshot->stats;
    writer_add(writer,
               "version %s, %lu thread%s, %s of addresses in use, %s of them in free slabs, "
               "%s of records in use\n",
               HAKMEM_VERSION_STRING, stats->threads, plural(stats->threads),
               text_of_size(stats->mapped_bytes).bytes, text_of_size(stats->warm_bytes).bytes,
               text_of_size(stats->metadata_bytes).bytes);
    if (stats->huge_waste_bytes > 0)
        writer_add(writer, "  huge pages: %s never handed out\n",
                   text_of_size(stats->huge_waste_bytes).bytes);
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        add_lane_text(writer, lane, &stats->lane[lane]);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        const struct class_figures *figures = &snapshot->classes[size_class];
        if (figures->live + figures->cached + figures->free > 0)
            writer_add(writer, "    %u-byte blocks: %zu live, %zu cached, %zu free; %zu slab%s\n",
                       figures->size, figures->live, figures->cached, figures->free, figures->slabs,
                       plural(figures->slabs));
    }
    sites_render(writer, add_site_text);
}

/* ---- malloc_info: the elements that glibc writes, with our classes as its size ranges ---- */

static void add_sizes(struct writer *writer, const struct snapshot *snapshot)
{
    uint32_t from = 1;
    writer_add(writer, "<sizes>\n");
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        const struct class_figures *figures = &snapshot->classes[size_class];
        size_t count = figures->free + figures->cached;
        if (count > 0)
            writer_add(writer, "<size from=\"%u\" to=\"%u\" total=\"%zu\" count=\"%zu\"/>\n", from,
                       figures->size, count * figures->size, count);
        from = figures->size + 1;
    }
    writer_add(writer, "</sizes>\n");
}

static void add_lanes(struct writer *writer, const struct hak_stats *stats)
{
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const struct hak_lane_stats *figures = &stats->lane[lane];
        writer_add(writer,
                   "<lane name=\"%s\" live_blocks=\"%lu\" live_bytes=\"%lu\" cached_bytes=\"%lu\" "
                   "free_bytes=\"%lu\"/>\n",
                   lane_names[lane], figures->live_blocks, figures->live_bytes,
                   figures->cached_bytes, figures->free_bytes);
    }
}

static void add_totals(struct writer *writer, const struct snapshot *snapshot)
{
    const struct hak_stats *stats = &snapshot->stats;
    uint64_t rest = stats->warm_bytes;
    size_t count = 0;
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        rest += stats->lane[lane].free_bytes + stats->lane[lane].cached_bytes;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++)
        count += snapshot->classes[size_class].free + snapshot->classes[size_class].cached;
    writer_add(writer, "<total type=\"fast\" count=\"0\" size=\"0\"/>\n");
    writer_add(writer, "<total type=\"rest\" count=\"%zu\" size=\"%lu\"/>\n", count, rest);
    writer_add(writer, "<total type=\"mmap\" count=\"%lu\" size=\"%lu\"/>\n",
               stats->lane[HAK_LANE_HUGE].live_blocks, stats->lane[HAK_LANE_HUGE].live_bytes);
    writer_add(writer, "<system type=\"current\" size=\"%lu\"/>\n", stats->mapped_bytes);
    writer_add(writer, "<system type=\"max\" size=\"%lu\"/>\n", snapshot->peak_bytes);
    writer_add(writer, "<aspace type=\"total\" size=\"%lu\"/>\n", stats->reserved_bytes);
    writer_add(writer, "<aspace type=\"mprotect\" size=\"%lu\"/>\n", stats->mapped_bytes);
}

static void add_site_xml(struct writer *writer, const struct hak_site *site)
{
    writer_add(writer, "<site id=\"%u\" calls=\"%lu\" bytes=\"%lu\"/>\n", site->site, site->calls,
               site->bytes);
}

void render_xml(struct writer *writer, const struct snapshot *snapshot)
{
    writer_add(writer, "<malloc version=\"1\">\n<heap nr=\"0\">\n");
    add_sizes(writer, snapshot);
    add_lanes(writer, &snapshot->stats);
    sites_render(writer, add_site_xml);
    add_totals(writer, snapshot);
    writer_add(writer, "</heap>\n");
    add_totals(writer, snapshot);
    writer_add(writer, "</malloc>\n");
}
