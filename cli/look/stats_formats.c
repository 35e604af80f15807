/* SPDX-License-Identifier: MIT */
/*
 * A heap's figures as JSON and as OpenMetrics text. The names are an interface: docs/FIGURES.md
 * lists them, and HAKMEM_METRICS writes the same ones from inside. Called by stats.c.
 */
#include "look/stats_formats.h"

#include <inttypes.h>
#include <time.h>

#include "heap/others.h"
#include "look/stats_terms.h"

const char *const stats_block_states[BLOCK_IN_DEPOT + 1] = {"live", "free", "thread_cached",
                                                            "depots"};

static const char *const reasons[HAK_FB_COUNT] = {"force_libc", "foreign_free", "foreign_realloc",
                                                  "foreign_usable", "init_wait"};

/* ---- JSON ---- */

static void json_figures(FILE *out, const struct class_terms *figures)
{
    for (unsigned state = 0; state <= BLOCK_IN_DEPOT; state++)
        fprintf(out, "\"%s_blocks\":%" PRIu64 ",\"%s_bytes\":%" PRIu64 ",",
                stats_block_states[state], figures->blocks[state], stats_block_states[state],
                figures->resident[state]);
    fprintf(out, "\"mapped_bytes\":%" PRIu64 ",", figures->mapped);
    fprintf(out, "\"refilled_blocks\":%" PRIu64 ",\"flushed_blocks\":%" PRIu64 "}",
            figures->traffic.taken, figures->traffic.given);
}

static void json_others(FILE *out, const struct heap_view *view)
{
    uint64_t bytes[OTHERS_COUNT];
    others_count(view, bytes);
    fputs("\"others\":{", out);
    for (size_t i = 0; i < OTHERS_COUNT; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", others_keys[i], bytes[i]);
    fputs("},\n", out);
}

static void json_terms(FILE *out, const struct heap_terms *terms)
{
    struct term rows[TERM_COUNT];
    stats_terms(terms, rows);
    fprintf(out, "\"rss_bytes\":%" PRIu64 ",\n\"terms\":{", terms->rss);
    for (size_t i = 0; i < TERM_COUNT; i++)
        fprintf(out, "\"%s\":%" PRIu64 ",", rows[i].key, rows[i].bytes);
    fprintf(out, "\"unexplained\":%" PRId64 "},\n", terms->unexplained);
}

/* Has there been a block of the class? */
static bool is_seen(const struct class_terms *figures)
{
    return figures->extents > 0 || figures->traffic.taken > 0;
}

static void json_classes(FILE *out, const struct heap_terms *terms)
{
    const char *comma = "";
    fputs("\"lanes\":[", out);
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        fprintf(out, "%s\n{\"name\":\"%s\",", lane ? "," : "", lane_names[lane]);
        json_figures(out, &terms->lanes[lane]);
    }
    fputs("],\n\"classes\":[", out);
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        if (!is_seen(&terms->classes[c]))
            continue;
        fprintf(out, "%s\n{\"size\":%" PRIu32 ",", comma, terms->classes[c].size);
        json_figures(out, &terms->classes[c]);
        comma = ",";
    }
    fputs("],\n", out);
}

static void json_threads(FILE *out, const struct heap_view *view)
{
    fputs("\"threads\":[", out);
    for (size_t i = 0; i < view->thread_count; i++)
        fprintf(out,
                "%s\n{\"id\":%" PRIu32 ",\"name\":\"%s\",\"cached_blocks\":%" PRIu64
                ",\"cached_bytes\":%" PRIu64 ",\"granted_bytes\":%" PRIu64 "}",
                i ? "," : "", view->threads[i].thread_id, view->threads[i].name,
                view->threads[i].blocks, view->threads[i].bytes, view->threads[i].granted);
    fputs("],\n", out);
}

/* Text from the target: what JSON gives a meaning, and what may be half of a character, is '?'. */
static void json_text(FILE *out, const char *name, const char *text, size_t limit)
{
    fprintf(out, "\"%s\":\"", name);
    for (size_t i = 0; i < limit && text[i]; i++) {
        bool is_plain = text[i] >= ' ' && text[i] < 0x7f && text[i] != '"' && text[i] != '\\';
        fputc(is_plain ? text[i] : '?', out);
    }
    fputc('"', out);
}

static void json_number(FILE *out, const char *name, int64_t value)
{
    fprintf(out, "\"%s\":%" PRId64, name, value);
}

#define SETTING_FLAG(name, field) json_number(out, name, field)
#define SETTING_NUMBER(name, field) json_number(out, name, field)
#define SETTING_BYTES(name, field) json_number(out, name, field)
#define SETTING_MILLIS(name, field) json_number(out, name, field)
#define SETTING_PREFAULT(name, field) json_number(out, name, field)
#define SETTING_PAGES(name, field) json_number(out, name, field)
#define SETTING_CHOICE(name, field) json_number(out, name, field)
#define SETTING_WHEN(name, field) json_number(out, name, field)
#define SETTING_TEXT(name, field) json_text(out, name, field, sizeof field)

static void json_settings(FILE *out, const struct settings *of)
{
    const char *comma = "";
    fputs("\"settings\":{", out);
#define ROW(field, name, kind, initial, min, max, help)                                            \
    fputs(comma, out);                                                                             \
    SETTING_##kind(name, of->field);                                                               \
    comma = ",\n";
    HAK_SETTINGS(ROW)
#undef ROW
    fputs("},\n", out);
}

void stats_print_json(FILE *out, const struct heap_view *view, const struct heap_terms *terms)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(out, "{\"hakmem\":\"%.15s\",\n\"format\":%d,\n\"program\":\"%s\",\n\"pid\":%d,\n",
            view->root.head.library_version, STATS_FORMAT, view->target->program,
            (int)view->target->pid);
    fprintf(out, "\"core\":%s,\n", view->target->is_core ? "true" : "false");
    if (!view->target->is_core)
        fprintf(out, "\"at\":%" PRId64 ".%03ld,\n", (int64_t)now.tv_sec, now.tv_nsec / 1000000);
    json_terms(out, terms);
    json_others(out, view);
    json_classes(out, terms);
    json_threads(out, view);
    json_settings(out, &view->settings);
    fprintf(out,
            "\"reserved_bytes\":%" PRIu64 ",\n\"mapped_bytes\":%" PRIu64
            ",\n\"warm_bytes\":%" PRIu64 ",\n\"metadata_used_bytes\":%zu,\n",
            (uint64_t)view->space.count << SUPERSLAB_SHIFT, terms->used_bytes, terms->warm_bytes,
            view->meta.used);
    fprintf(out, "\"huge_waste_bytes\":%" PRIu64 ",\n", terms->huge_waste);
    fprintf(out, "\"purged_bytes\":%" PRIu64 ",\n\"implausible\":%u,\n\"libc_calls\":{",
            view->purged_bytes, view->implausible);
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        fprintf(out, "%s\"%s\":%" PRIu64, reason ? "," : "", reasons[reason],
                view->fb_counts[reason]);
    fputs("}}\n", out);
}

/* ---- OpenMetrics ---- */

static void metrics_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# TYPE hakmem_%s %s\n# HELP hakmem_%s %s\n", name, type, name, help);
}

static void metrics_figures(FILE *out, const char *name, const char *label, const char *value,
                            const uint64_t figures[BLOCK_IN_DEPOT + 1])
{
    for (unsigned state = 0; state <= BLOCK_IN_DEPOT; state++)
        fprintf(out, "hakmem_%s{%s=\"%s\",state=\"%s\"} %" PRIu64 "\n", name, label, value,
                stats_block_states[state], figures[state]);
}

static void metrics_classes(FILE *out, const struct heap_terms *terms)
{
    metrics_head(out, "lane_resident_bytes", "gauge",
                 "Resident bytes of blocks by lane and state.");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        metrics_figures(out, "lane_resident_bytes", "lane", lane_names[lane],
                        terms->lanes[lane].resident);
    metrics_head(out, "lane_blocks", "gauge", "Blocks by lane and state.");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        metrics_figures(out, "lane_blocks", "lane", lane_names[lane], terms->lanes[lane].blocks);
    metrics_head(out, "class_blocks", "gauge", "Blocks by size class and state.");
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        char size[16];
        snprintf(size, sizeof size, "%" PRIu32, terms->classes[c].size);
        if (is_seen(&terms->classes[c]))
            metrics_figures(out, "class_blocks", "size", size, terms->classes[c].blocks);
    }
}

static uint64_t taken(const struct class_terms *figures)
{
    return figures->traffic.taken;
}

static uint64_t given(const struct class_terms *figures)
{
    return figures->traffic.given;
}

/* One counter by size; Huge blocks are of no class. */
static void metrics_traffic(FILE *out, const struct heap_terms *terms, const char *name,
                            const char *help, uint64_t (*count)(const struct class_terms *))
{
    metrics_head(out, name, "counter", help);
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        if (is_seen(&terms->classes[c]))
            fprintf(out, "hakmem_%s_total{size=\"%" PRIu32 "\"} %" PRIu64 "\n", name,
                    terms->classes[c].size, count(&terms->classes[c]));
    fprintf(out, "hakmem_%s_total{size=\"huge\"} %" PRIu64 "\n", name,
            count(&terms->lanes[HAK_LANE_HUGE]));
}

static void metrics_one(FILE *out, const char *name, const char *help, uint64_t value)
{
    metrics_head(out, name, "gauge", help);
    fprintf(out, "hakmem_%s %" PRIu64 "\n", name, value);
}

static void metrics_others(FILE *out, const struct heap_view *view)
{
    uint64_t bytes[OTHERS_COUNT];
    others_count(view, bytes);
    metrics_head(out, "others_bytes", "gauge", "Resident bytes of what is not the heap's.");
    for (size_t i = 0; i < OTHERS_COUNT; i++)
        fprintf(out, "hakmem_others_bytes{kind=\"%s\"} %" PRIu64 "\n", others_keys[i], bytes[i]);
}

void stats_print_metrics(FILE *out, const struct heap_view *view, const struct heap_terms *terms)
{
    struct term rows[TERM_COUNT];
    stats_terms(terms, rows);
    metrics_head(out, "resident_bytes", "gauge",
                 "Resident bytes by what holds them; they add up to the RSS.");
    for (size_t i = 0; i < TERM_COUNT; i++)
        fprintf(out, "hakmem_resident_bytes{term=\"%s\"} %" PRIu64 "\n", rows[i].key,
                rows[i].bytes);
    metrics_others(out, view);
    metrics_head(out, "unexplained_bytes", "gauge",
                 "RSS less the terms' sum: not 0 when the process changed too fast for a look.");
    fprintf(out, "hakmem_unexplained_bytes %" PRId64 "\n", terms->unexplained);
    metrics_one(out, "rss_bytes", "Resident set size, as the kernel says.", terms->rss);
    metrics_classes(out, terms);
    metrics_traffic(out, terms, "refilled_blocks", "Blocks that threads' caches took.", taken);
    metrics_traffic(out, terms, "flushed_blocks", "Blocks that threads' caches gave back.", given);
    metrics_one(out, "threads", "Threads with a cache.", view->thread_count);
    metrics_one(out, "mapped_bytes", "Addresses of superslabs in use or warm.", terms->used_bytes);
    metrics_one(out, "warm_bytes", "Addresses of free slabs that may have pages.",
                terms->warm_bytes);
    metrics_one(out, "huge_waste_bytes", "Free in huge pages, never handed out.",
                terms->huge_waste);
    metrics_head(out, "purged_bytes", "counter", "Bytes given back to the kernel.");
    fprintf(out, "hakmem_purged_bytes_total %" PRIu64 "\n", view->purged_bytes);
    metrics_head(out, "libc_calls", "counter", "Calls handed over to libc, by reason.");
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        fprintf(out, "hakmem_libc_calls_total{reason=\"%s\"} %" PRIu64 "\n", reasons[reason],
                view->fb_counts[reason]);
    fputs("# EOF\n", out);
}
