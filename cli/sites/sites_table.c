/* SPDX-License-Identifier: MIT */
/*
 * Prints a profile as a table, and as JSON.
 */
#include "sites/sites_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sites/same_stacks.h"

#define INDENT "    "
/* The width of the function's name in the sentence about the site that pins most. */
#define COLUMNS_OF_NAME 60

static const char *const titles[] = {
    [FIGURE_LIVE] = "live",
    [FIGURE_ALLOCATED] = "allocated since profiling began",
    [FIGURE_PEAK] = "live at the peak",
    [FIGURE_PINNED] = "free, but kept resident",
    [FIGURE_LIFETIME] = "allocated, with lifetimes",
};

const char *figure_title(enum figure figure)
{
    return titles[figure];
}

const char *figure_name(enum figure figure)
{
    static const char *const names[] = {
        [FIGURE_LIVE] = "live",     [FIGURE_ALLOCATED] = "allocated", [FIGURE_PEAK] = "peak",
        [FIGURE_PINNED] = "pinned", [FIGURE_LIFETIME] = "lifetime",
    };
    return names[figure];
}

static struct short_text text_of_sum(double bytes)
{
    return text_of_size(bytes < 0x1p62 ? (uint64_t)bytes : UINT64_C(1) << 62);
}

/* ---- text ---- */

struct short_text text_of_ms(double ms)
{
    struct short_text text;
    if (ms >= 2 * 86400000.0)
        snprintf(text.bytes, sizeof text.bytes, "%.0f d", ceil(ms / 86400000));
    else if (ms >= 2 * 3600000)
        snprintf(text.bytes, sizeof text.bytes, "%.0f h", ceil(ms / 3600000));
    else if (ms >= 120000)
        snprintf(text.bytes, sizeof text.bytes, "%.0f min", ceil(ms / 60000));
    else if (ms >= 1000)
        snprintf(text.bytes, sizeof text.bytes, "%.0f s", ceil(ms / 1000));
    else
        snprintf(text.bytes, sizeof text.bytes, "%.0f ms", ms);
    return text;
}

static struct short_text text_of_life(const struct site_view *site, double share)
{
    struct short_text text = {"-"};
    double ms = site_life_ms(site, share);
    if (ms > 0)
        snprintf(text.bytes, sizeof text.bytes, "< %.20s", text_of_ms(ms).bytes);
    return text;
}

/* The share of used bytes in the pages that a site's blocks keep. */
static struct short_text text_of_page_use(const struct site_view *site)
{
    return text_of_percent(site->pinned_own_bytes, site->pinned_own_bytes + site->pinned_bytes);
}

/* A line of `width` columns at most: the middle of a longer one is left out, as its ends tell more.
 */
static void print_cut(FILE *out, const char *line, size_t width)
{
    size_t length = strlen(line);
    if (width == 0 || length <= width) {
        fprintf(out, "%s\n", line);
        return;
    }
    size_t tail = width / 3;
    const char *rest = line + length - tail;
    size_t head = width - tail - 3;
    /* no character of UTF-8 in parts */
    while (head > 0 && ((unsigned char)line[head] & 0xc0) == 0x80)
        head--;
    while (((unsigned char)*rest & 0xc0) == 0x80)
        rest++;
    fprintf(out, "%.*s...%s\n", (int)head, line, rest);
}

void sites_print_frame(FILE *out, const char *before, const struct frame *frame, size_t width)
{
    static char line[8192];
    const char *slash = frame->file ? strrchr(frame->file, '/') : NULL;
    const char *file = slash && width ? slash + 1 : frame->file;
    int length = snprintf(line, sizeof line, "%s%s", before, frame->function);
    if (file && length < (int)sizeof line)
        snprintf(line + length, sizeof line - (size_t)length, " %s:%" PRIu32, file, frame->line);
    else if (frame->is_named && frame->module && length < (int)sizeof line)
        snprintf(line + length, sizeof line - (size_t)length, " (%s)", frame->module->name);
    print_cut(out, line, width);
}

static void print_row(FILE *out, const struct site_view *site, const struct table_form *form,
                      double sum)
{
    double bytes = (double)site_bytes(site, form->figure);
    double count = site_count(site, form->figure);
    double shown = count > 0 && count < 1 ? 1 : count; /* a part of one block is shown as 1 */
    fprintf(out, "%11s %8s %12.0f ", text_of_sum(bytes).bytes, text_of_percent(bytes, sum).bytes,
            shown);
    if (form->figure == FIGURE_LIFETIME)
        fprintf(out, "%10s %10s %10s %10s", text_of_life(site, 0.5).bytes,
                text_of_life(site, 0.9).bytes, text_of_life(site, 1).bytes,
                text_of_percent((double)site->live_bytes, bytes).bytes);
    else
        fprintf(out, "%11s", count > 0 ? text_of_sum(bytes / count).bytes : "-");
    if (form->figure == FIGURE_PINNED)
        fprintf(out, " %11s", text_of_page_use(site).bytes);
    fputc('\n', out);
    if (site->label)
        fprintf(out, INDENT "label %" PRIu32 "\n", site->label);
}

/* The histogram of lifetimes: the shares of the freed samples add up to 100 %. */
static void print_lifetimes(FILE *out, const struct site_view *site, size_t width)
{
    double sum = 0;
    size_t column = 0;
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++)
        sum += site->lifetimes[i];
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++) {
        char part[64];
        if (site->lifetimes[i] == 0)
            continue;
        size_t length = (size_t)snprintf(
            part, sizeof part, "%s %s%s%s", text_of_percent(site->lifetimes[i], sum).bytes,
            i > 0 ? text_of_ms((double)(UINT64_C(1) << (i - 1))).bytes : "", i > 0 ? " to " : "< ",
            text_of_ms((double)(UINT64_C(1) << i)).bytes);
        bool is_first = column == 0;
        if (!is_first && width > 0 && column + length + 2 >= width)
            column = 0;
        column += (size_t)fprintf(out, "%s%s",
                                  is_first      ? INDENT "freed after: "
                                  : column == 0 ? ",\n" INDENT INDENT
                                                : ", ",
                                  part);
    }
    if (sum > 0)
        fputc('\n', out);
}

/* The number of frames that a table with a limit shows: libc's frames above main are left out. */
static size_t count_telling(const struct named_stack *stack)
{
    size_t count = stack->count;
    while (count > stack->own + 1 &&
           (strncmp(stack->frames[count - 1]->function, "__libc_start_", 13) == 0 ||
            strcmp(stack->frames[count - 1]->function, "_start") == 0))
        count--;
    return count;
}

void sites_print_stack(FILE *out, const struct named_profile *named, const struct site_view *site,
                       const struct table_form *form)
{
    static struct named_stack stack;
    stack_name(&stack, named, site);
    size_t left = (form->width > 0 ? count_telling(&stack) : stack.count) - stack.own;
    size_t shown = left < form->frames ? left : form->frames;
    for (size_t i = 0; i < shown; i++)
        sites_print_frame(out, i ? INDENT INDENT : INDENT, stack.frames[stack.own + i],
                          form->width);
    if (left > shown)
        fprintf(out, INDENT INDENT "(%zu more)\n", left - shown);
}

static void print_head(FILE *out, const struct named_profile *named, enum figure figure, double sum)
{
    const struct profile_view *view = &named->view;
    fprintf(out, "%s: %s %s, by who asked for it\n", named->title, text_of_sum(sum).bytes,
            titles[figure]);
    fprintf(out, "sampled every %s on average", text_of_size(view->interval).bytes);
    if (named->read_ms >= view->started_ms)
        fprintf(out, ", for %s", text_of_ms((double)(named->read_ms - view->started_ms)).bytes);
    fputs(view->is_on ? "\n" : ", off now\n", out);
}

/* The sum over the sites is an estimate, and the free bytes of all pages are exact: so the share
 * may be above 100 %. */
static void print_pinned(FILE *out, const struct named_profile *named, bool is_cut)
{
    static struct named_stack stack;
    const struct profile_view *view = &named->view;
    fprintf(out, "partly used pages have %s free; accounted for: %s of it\n",
            text_of_size(view->partly_free).bytes,
            text_of_percent(sites_sum(view, FIGURE_PINNED), (double)view->partly_free).bytes);
    size_t count;
    const struct site_view **order = sites_rank(view, FIGURE_PINNED, &count);
    const struct site_view *most = count > 0 ? order[0] : NULL;
    free(order);
    if (!most)
        return;
    stack_name(&stack, named, most);
    const struct frame *frame = stack.frames[stack.own];
    bool is_one = most->pinned_count < 1.5;
    fprintf(out, "\n%.0f block%s of ", is_one ? 1 : most->pinned_count, is_one ? "" : "s");
    sites_print_frame(out, "", frame, is_cut ? COLUMNS_OF_NAME : 0);
    fprintf(out, "keep%s %s resident, in pages that are %s full\n", is_one ? "s" : "",
            text_of_sum(most->pinned_bytes).bytes, text_of_page_use(most).bytes);
}

static const char *last_columns(enum figure figure)
{
    return figure == FIGURE_LIFETIME ? "      half nine in 10    longest still live"
           : figure == FIGURE_PINNED ? "    average  pages full"
                                     : "    average";
}

static void print_end(FILE *out, const struct profile_view *view, size_t left_out)
{
    if (left_out > 0)
        fprintf(out, "\n(%zu smaller not shown: --top N shows more, --json all)\n", left_out);
    if (view->dropped > 0)
        fprintf(out, "\nno room for samples or stacks, %" PRIu64 " times (HAKMEM_PROFILE_MEMORY)\n",
                view->dropped);
    if (view->implausible > 0)
        fprintf(out, "\nleft out, since it changed while it was read: %u thing%s\n",
                view->implausible, view->implausible == 1 ? "" : "s");
}

size_t sites_print_rows(FILE *out, const struct named_profile *named, const struct table_form *form)
{
    size_t count;
    const struct site_view **order = sites_rank(&named->view, form->figure, &count);
    double sum = sites_sum(&named->view, form->figure);
    size_t shown = count < form->rows ? count : form->rows;
    if (count > 0)
        fprintf(out, "\n%11s %8s %12s %s\n", "bytes", "share", "blocks",
                last_columns(form->figure));
    for (size_t i = 0; i < shown; i++) {
        print_row(out, order[i], form, sum);
        if (form->figure == FIGURE_LIFETIME)
            print_lifetimes(out, order[i], form->width);
        sites_print_stack(out, named, order[i], form);
    }
    free(order);
    return count;
}

void sites_print_table(FILE *out, const struct named_profile *named, const struct table_form *form)
{
    const struct profile_view *view = &named->view;
    struct named_profile joined = *named;
    joined.view.sites = same_stacks_join(named, &joined.view.site_count);
    print_head(out, named, form->figure, sites_sum(view, form->figure));
    if (form->figure == FIGURE_PINNED)
        print_pinned(out, &joined, form->width > 0);
    size_t count = sites_print_rows(out, &joined, form);
    free(joined.view.sites);
    if (count == 0 && form->figure == FIGURE_PINNED && view->sample_count > 0)
        fputs("\nno sampled block lies in a page with free bytes\n", out);
    else if (count == 0 && sites_sum(view, FIGURE_ALLOCATED) > 0)
        fputs("\nno sampled block is left: --allocated shows the freed ones too\n", out);
    else if (count == 0)
        fputs("\nnothing has been sampled\n", out);
    print_end(out, view, count > form->rows ? count - form->rows : 0);
}

/* ---- JSON ---- */

static void json_frame(FILE *out, const struct frame *frame, bool is_skipped)
{
    fprintf(out, "{\"address\":\"0x%" PRIx64 "\",\"function\":", frame->address);
    json_text(out, frame->function);
    if (frame->file) {
        fputs(",\"file\":", out);
        json_text(out, frame->file);
        fprintf(out, ",\"line\":%" PRIu32, frame->line);
    }
    if (frame->module) {
        fputs(",\"module\":", out);
        json_text(out, frame->module->path);
    }
    fprintf(out, "%s%s}", frame->is_inlined ? ",\"inlined\":true" : "",
            is_skipped ? ",\"allocator\":true" : "");
}

void sites_print_json_stack(FILE *out, const struct named_profile *named,
                            const struct site_view *site)
{
    static struct named_stack stack;
    fputs("\"stack\":[", out);
    stack_name(&stack, named, site);
    for (size_t i = 0; i < stack.count; i++) {
        fputs(i ? ",\n  " : "", out);
        json_frame(out, stack.frames[i], i < stack.skipped);
    }
    fputc(']', out);
}

static void json_site(FILE *out, const struct named_profile *named, const struct site_view *site)
{
    fprintf(out,
            "{\"live_bytes\":%" PRIu64 ",\"live_blocks\":%.2f,\"allocated_bytes\":%" PRIu64
            ",\"allocated_blocks\":%.2f,\"peak_bytes\":%" PRIu64
            ",\"peak_blocks\":%.2f,\"requested_bytes\":%" PRIu64 ",\"label\":%" PRIu32
            ",\n \"pinned_bytes\":%" PRIu64
            ",\"pinned_blocks\":%.2f,\"pinned_pages_full\":%.4f,\n \"lifetimes_ms\":[",
            site->live_bytes, site->live_count, site->alloc_bytes, site->alloc_count,
            site->peak_bytes, site->peak_count, site->requested_bytes, site->label,
            site_bytes(site, FIGURE_PINNED), site->pinned_count,
            site->pinned_bytes > 0
                ? site->pinned_own_bytes / (site->pinned_own_bytes + site->pinned_bytes)
                : 0);
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++)
        fprintf(out, "%s%" PRIu32, i ? "," : "", site->lifetimes[i]);
    fputs("],\n ", out);
    sites_print_json_stack(out, named, site);
    fputc('}', out);
}

void sites_print_json(FILE *out, const struct named_profile *named, const struct table_form *form)
{
    size_t count;
    const struct profile_view *view = &named->view;
    const struct site_view **order = sites_rank(view, form->figure, &count);
    size_t shown = count < form->rows ? count : form->rows;
    fputs("{\"format\":1,\"program\":", out);
    json_text(out, named->program);
    fprintf(out,
            ",\"figure\":\"%s\",\"on\":%s,\"interval_bytes\":%" PRIu64 ",\"started_ms\":%" PRIu64
            ",\"read_ms\":%" PRIu64 ",\"dropped\":%" PRIu64
            ",\"implausible\":%u,\"partly_used_free_bytes\":%" PRIu64 ",\n\"sites\":[",
            figure_name(form->figure), view->is_on ? "true" : "false", view->interval,
            view->started_ms, named->read_ms, view->dropped, view->implausible, view->partly_free);
    for (size_t i = 0; i < shown; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_site(out, named, order[i]);
    }
    fputs("]}\n", out);
    free(order);
}
