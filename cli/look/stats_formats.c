/* SPDX-License-Identifier: MIT */
/*
 * A heap's figures as JSON and as OpenMetrics text. diag/figures.c writes those that the library
 * knows too; this file writes those that are known from outside only. docs/FIGURES.md lists the
 * names.
 */
#include "look/stats_formats.h"

#include <time.h>

#include "base/text.h"
#include "heap/others.h"
#include "look/stats_terms.h"
#include "os/setting_rows.h"

static void class_row(const void *context, unsigned size_class, struct row_figures *row)
{
    *row = ((const struct heap_terms *)context)->classes[size_class];
}

static struct figures figures_of(const struct heap_view *view, const struct heap_terms *terms)
{
    return (struct figures){
        .version = view->root.head.library_version,
        .pid = (int)view->target->pid,
        .is_outside = true,
        .rss = terms->rss,
        .lanes = terms->lanes,
        .class_row = class_row,
        .context = terms,
        .libc_calls = view->fb_counts,
        .threads = view->thread_count,
        .reserved = (uint64_t)view->space.count << SUPERSLAB_SHIFT,
        .mapped = terms->used_bytes,
        .warm = terms->warm_bytes,
        .metadata = view->meta.used,
        .huge_page_waste = terms->huge_page_waste,
        .purged = view->purged_bytes,
        .implausible = view->implausible,
    };
}

/* ---- JSON: each member after the comma of the last ---- */

static void json_head(struct writer *writer, const struct target *target)
{
    char at[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(at, sizeof at, "%ld.%03ld", (long)now.tv_sec, now.tv_nsec / 1000000);
    writer_add(writer, ",\n");
    figures_json_text(writer, "program", target->program);
    writer_add(writer, ",\n\"core\":%s", target->is_core ? "true" : "false");
    if (!target->is_core)
        writer_add(writer, ",\n\"at\":%s", at);
}

static void json_terms(struct writer *writer, const struct heap_terms *terms)
{
    struct term rows[TERM_COUNT];
    stats_terms(terms, rows);
    writer_add(writer, ",\n\"terms\":{");
    for (size_t i = 0; i < TERM_COUNT; i++)
        writer_add(writer, "\"%s\":%lu,", rows[i].key, rows[i].bytes);
    figures_json_number(writer, "unexplained", terms->unexplained);
    writer_add(writer, "}");
}

static void json_others(struct writer *writer, const struct heap_view *view)
{
    uint64_t bytes[OTHERS_COUNT];
    others_count(view, bytes);
    writer_add(writer, ",\n\"others\":{");
    for (size_t i = 0; i < OTHERS_COUNT; i++)
        writer_add(writer, "%s\"%s\":%lu", i ? "," : "", others_keys[i], bytes[i]);
    writer_add(writer, "}");
}

static void json_threads(struct writer *writer, const struct heap_view *view)
{
    writer_add(writer, ",\n\"threads\":[");
    for (size_t i = 0; i < view->thread_count; i++) {
        const struct thread_view *thread = &view->threads[i];
        writer_add(writer, "%s\n{\"id\":%u,", i ? "," : "", thread->thread_id);
        figures_json_text(writer, "name", thread->name);
        writer_add(writer, ",\"cached_blocks\":%lu,\"cached_bytes\":%lu,\"granted_bytes\":%lu}",
                   thread->blocks, thread->bytes, thread->granted);
    }
    writer_add(writer, "]");
}

static void json_settings(struct writer *writer, const struct settings *of)
{
    char text[SETTING_TEXT_MAX + 1]; /* a path of the target may lack its terminator */
    writer_add(writer, ",\n\"settings\":{");
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const char *field = (const char *)of + setting_rows[i].offset;
        writer_add(writer, "%s", i ? ",\n" : "");
        if (setting_rows[i].kind == KIND_TEXT) {
            snprintf(text, sizeof text, "%.*s", SETTING_TEXT_MAX, field);
            figures_json_text(writer, setting_rows[i].name, text);
        } else {
            figures_json_number(writer, setting_rows[i].name,
                                *(const int64_t *)(const void *)field);
        }
    }
    writer_add(writer, "}");
}

void stats_print_json(FILE *out, const struct heap_view *view, const struct heap_terms *terms)
{
    struct writer writer = writer_of(out);
    const struct figures figures = figures_of(view, terms);
    figures_json_begin(&writer, &figures);
    json_head(&writer, view->target);
    json_terms(&writer, terms);
    json_others(&writer, view);
    json_threads(&writer, view);
    json_settings(&writer, &view->settings);
    figures_json_end(&writer, &figures);
    writer_flush(&writer);
}

/* ---- OpenMetrics ---- */

void stats_print_metrics(FILE *out, const struct heap_view *view, const struct heap_terms *terms)
{
    struct writer writer = writer_of(out);
    const struct figures figures = figures_of(view, terms);
    uint64_t others[OTHERS_COUNT];
    struct term rows[TERM_COUNT];
    stats_terms(terms, rows);
    others_count(view, others);
    figures_metric_head(&writer, "resident_bytes", "gauge",
                        "Resident bytes by what holds them; they add up to the RSS.");
    for (size_t i = 0; i < TERM_COUNT; i++)
        writer_add(&writer, "hakmem_resident_bytes{term=\"%s\"} %lu\n", rows[i].key, rows[i].bytes);
    figures_metric_head(&writer, "others_bytes", "gauge",
                        "Resident bytes of memory that is not the heap's.");
    for (size_t i = 0; i < OTHERS_COUNT; i++)
        writer_add(&writer, "hakmem_others_bytes{kind=\"%s\"} %lu\n", others_keys[i], others[i]);
    figures_metric_head(&writer, "unexplained_bytes", "gauge",
                        "RSS minus the sum of the terms: not 0 if the process changed too fast.");
    writer_add(&writer, "hakmem_unexplained_bytes %ld\n", (long)terms->unexplained);
    figures_metrics(&writer, &figures);
    writer_flush(&writer);
}
