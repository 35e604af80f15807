/* SPDX-License-Identifier: MIT */
/*
 * Writes a profile as gperftools does, as folded stacks, for speedscope, and as text.
 */
#include "sites/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sites/sites_table.h"
#include "sites/string_table.h"

format_write *format_of(const char *path)
{
    static const struct {
        const char *ending;
        format_write *write;
    } formats[] = {
        {".pb.gz", format_pprof},     {".heap", format_gperftools}, {".folded", format_folded},
        {".json", format_speedscope}, {".txt", format_text},        {".html", format_html},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        size_t length = strlen(formats[i].ending);
        size_t size = strlen(path);
        if (size >= length && strcmp(path + size - length, formats[i].ending) == 0)
            return formats[i].write;
    }
    return NULL;
}

void format_text(FILE *out, const struct named_profile *named, enum figure figure)
{
    const struct table_form form = {.figure = figure, .rows = SIZE_MAX, .frames = SIZE_MAX};
    sites_print_table(out, named, &form);
}

/* ---- gperftools ---- */

static void put_counts(FILE *out, const double live[2], const double allocated[2])
{
    fprintf(out, "%.0f: %.0f [%.0f: %.0f] @", live[0], live[1], allocated[0], allocated[1]);
}

/* A number of blocks between 0 and 1 is written as 1: readers leave out a site with 0 blocks. */
static double whole(double count)
{
    return count > 0 && count < 1 ? 1 : count;
}

void format_gperftools(FILE *out, const struct named_profile *named, enum figure figure)
{
    const struct profile_view *view = &named->view;
    const struct modules *modules = &named->symbols.modules;
    double live[2] = {0, sites_sum(view, FIGURE_LIVE)};
    double allocated[2] = {0, sites_sum(view, FIGURE_ALLOCATED)};
    (void)figure; /* all of them are in the file */
    for (size_t i = 0; i < view->site_count; i++) {
        live[0] += view->sites[i].live_count;
        allocated[0] += view->sites[i].alloc_count;
    }
    fputs("heap profile: ", out);
    put_counts(out, live, allocated);
    fputs(" heapprofile\n", out); /* this word says that the figures are estimates already */
    for (size_t i = 0; i < view->site_count; i++) {
        const struct site_view *site = &view->sites[i];
        put_counts(out, (double[]){whole(site->live_count), (double)site->live_bytes},
                   (double[]){whole(site->alloc_count), (double)site->alloc_bytes});
        /* readers take the callers' addresses for return addresses, and subtract 1 */
        uint32_t first = stack_first_address(named, site);
        for (uint32_t j = first; j < site->depth; j++)
            fprintf(out, " 0x%" PRIx64, site->frames[j] + (j > first));
        fputc('\n', out);
    }
    fputs("\nMAPPED_LIBRARIES:\n", out);
    for (size_t i = 0; i < modules->count; i++)
        fprintf(out, "%" PRIx64 "-%" PRIx64 " r-xp %08" PRIx64 " 00:00 0 %s\n",
                modules->list[i].start, modules->list[i].end, modules->list[i].file_offset,
                modules->list[i].path);
}

/* ---- folded ---- */

/* A semicolon would end the name, and a newline the line. */
static void put_folded(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc(*name == ';' ? ':' : *name, out);
}

void format_folded(FILE *out, const struct named_profile *named, enum figure figure)
{
    static struct named_stack stack;
    size_t count;
    const struct site_view **order = sites_rank(&named->view, figure, &count);
    for (size_t i = 0; i < count; i++) {
        stack_name(&stack, named, order[i]);
        for (size_t j = stack.count; j-- > stack.skipped;) {
            put_folded(out, stack.frames[j]->function);
            fputs(j > stack.skipped ? ";" : "", out);
        }
        fprintf(out, " %" PRIu64 "\n", site_bytes(order[i], figure));
    }
    free(order);
}

/* ---- speedscope ---- */

static const char *const titles[] = {"live", "allocated", "peak", "pinned", "allocated"};

/* Purpose: the frames of a file for speedscope: a function and where it is. */
struct frame_list {
    struct string_table keys;    /* "FUNCTION\nFILE:LINE", to tell them apart */
    const struct frame **frames; /* by the key's number */
};

static size_t number_frame(struct frame_list *list, const struct frame *frame)
{
    char key[2400];
    snprintf(key, sizeof key, "%s\n%s:%" PRIu32, frame->function, frame->file ? frame->file : "",
             frame->line);
    size_t before = list->keys.count;
    char *copy = strdup(key);
    size_t number = copy ? string_table_add(&list->keys, copy) : 0;
    if (list->keys.count == before)
        free(copy);
    else if ((before & (before - 1)) == 0)
        list->frames = memory_resize(list->frames, before ? 2 * before : 1, sizeof *list->frames);
    if (list->keys.count != before)
        list->frames[number] = frame;
    return number;
}

static void put_frames(FILE *out, const struct frame_list *list)
{
    for (size_t i = 0; i < list->keys.count; i++) {
        const struct frame *frame = list->frames[i];
        fputs(i ? ",\n{\"name\":" : "\n{\"name\":", out);
        json_text(out, frame->function);
        if (frame->file) {
            fputs(",\"file\":", out);
            json_text(out, frame->file);
            fprintf(out, ",\"line\":%" PRIu32, frame->line);
        }
        fputc('}', out);
    }
}

static void put_samples(FILE *out, const struct named_profile *named,
                        const struct site_view *const *order, size_t count, struct frame_list *list)
{
    static struct named_stack stack;
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n[" : "\n[", out);
        stack_name(&stack, named, order[i]);
        for (size_t j = stack.count; j-- > stack.skipped;)
            fprintf(out, "%zu%s", number_frame(list, stack.frames[j]),
                    j > stack.skipped ? "," : "");
        fputc(']', out);
    }
}

static void put_profile(FILE *out, const struct named_profile *named, enum figure figure,
                        struct frame_list *list)
{
    size_t count;
    const struct site_view **order = sites_rank(&named->view, figure, &count);
    fprintf(out,
            "{\"type\":\"sampled\",\"name\":\"%s\",\"unit\":\"bytes\",\"startValue\":0,"
            "\"endValue\":%.0f,\n\"samples\":[",
            titles[figure], sites_sum(&named->view, figure));
    put_samples(out, named, order, count, list);
    fputs("],\n\"weights\":[", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%" PRIu64, i ? "," : "", site_bytes(order[i], figure));
    fputs("]}", out);
    free(order);
}

/* The chosen figure comes first, so speedscope shows it first. */
void format_speedscope(FILE *out, const struct named_profile *named, enum figure figure)
{
    struct frame_list list = {0};
    fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
          "\"exporter\":\"hakmem\",\"name\":",
          out);
    json_text(out, named->title);
    fputs(",\"activeProfileIndex\":0,\n\"profiles\":[", out);
    put_profile(out, named, figure, &list);
    for (enum figure other = FIGURE_LIVE; other < FIGURE_LIFETIME; other++) {
        if (other == figure)
            continue;
        fputs(",\n", out);
        put_profile(out, named, other, &list);
    }
    fputs("],\n\"shared\":{\"frames\":[", out);
    put_frames(out, &list);
    fputs("]}}\n", out);
    for (size_t i = 0; i < list.keys.count; i++)
        free((char *)list.keys.texts[i]);
    string_table_free(&list.keys);
    free(list.frames);
}
